"""Workers are asked through their store for what the page asks of them, and their answers are waited for."""

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from memguard.cli.command import FOUND, OK, CommandError
from memguard.cli.completing import offers
from memguard.cli.stores import Opened, opened, store_arguments
from memguard.commands import TRACE_SECONDS_MOST, Action, Command, Following, Outcome, state_at
from memguard.dashboard import commanding
from memguard.dashboard.text import plain
from memguard.inspection import Question
from memguard.model import WorkerId
from memguard.store import Store
from memguard.store.origins import is_busy
from memguard.units import format_bytes, format_seconds, parse_seconds

SECONDS_BETWEEN_LOOKS = 0.25
BUSY_SECONDS = 10.0
"""How long it is tried to write beside workers that write."""

_Answer = TypeVar("_Answer")


def asking_arguments(parser: argparse.ArgumentParser, *, has_json: bool = True) -> None:
    """Add the arguments that say which workers are asked; `--json` only where the command has none of its own."""
    which = parser.add_mutually_exclusive_group()
    worker = which.add_argument(
        "--worker", metavar="PID", action="append", default=[],
        help="this worker, HOST/PID where several hosts have one; may be given again (default: the only one there is)",
    )  # fmt: skip
    offers(worker, _named)
    which.add_argument("--all", action="store_true", help="all workers that are alive")
    if has_json:
        parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
    store_arguments(parser)


def traced_seconds(option: str, written: str, most: float = TRACE_SECONDS_MOST) -> float:
    """Return for how many seconds workers are at it, `most` at most; raise `CommandError` where that is none, or too long."""
    try:
        seconds = parse_seconds(written)
    except ValueError as error:
        raise CommandError(f"{option} {written}: {error}") from None
    if not 1 <= seconds <= most:
        raise CommandError(f"{option} {written}: expected 1 s to {format_seconds(most)}")
    return seconds


def run_action(
    asked: argparse.Namespace,
    action: Action,
    seconds: float = 0.0,
    *,
    following: Following | None = None,
    question: Question | None = None,
    more: Callable[[Outcome], str] = lambda _: "",
    then: Callable[[list[Command]], None] = lambda _: None,
    is_silent: bool = False,
) -> int:
    """Ask, wait, and print what came of it; return 1 where a worker could not do it, or none is alive.

    Args:
        asked: The command's arguments.
        action: What workers are asked for.
        seconds: How long they are at it.
        following: What is to be followed line by line.
        question: What is wanted of their objects.
        more: Returns what is printed below the line of a worker's outcome.
        then: What is done with the answers before they are printed.
        is_silent: The output is for something else: only what failed is said, on stderr.
    """
    with opened(asked.store, asked.service, to_ask=True) as found:
        told = ask(found, asked, action, seconds, following=following, question=question)
    then(told)
    if asked.json:
        rows = [commanding.row(each, time.time()) for each in told]
        print(json.dumps({"service": found.service, "commands": rows}, indent=2))
    else:
        for each in told:
            if not is_silent:
                print(plain(line_of(each)))
                print(more(each.outcome) if each.outcome is not None else "", end="")
            elif each.state != "done":
                print(plain(line_of(each)), file=sys.stderr)
    return OK if told and all(each.state == "done" for each in told) else FOUND


def ask(
    found: Opened,
    asked: argparse.Namespace,
    action: Action,
    seconds: float = 0.0,
    *,
    following: Following | None = None,
    question: Question | None = None,
) -> list[Command]:
    """Ask the workers that were named, and return their commands once none of them goes on; none where nobody lives."""
    store, now = found.store, time.time()
    living = _patient(lambda: commanding.living(store, here=socket.gethostname(), now=now))
    if not living:
        print(f"memguard: no worker of the service {plain(found.service)!r} is alive", file=sys.stderr)
        return []
    workers = _chosen(living, asked)
    try:
        told = _patient(
            lambda: commanding.ask(
                store, action, workers, seconds=seconds, now=now, following=following, question=question
            )
        )
    except commanding.RefusedError as error:
        raise CommandError(str(error)) from None
    names = {each.id for each in told}
    while any(state_at(each, time.time()) in {"waiting", "running"} for each in told):
        time.sleep(SECONDS_BETWEEN_LOOKS)
        told = [each for each in _patient(lambda: store.commands(limit=commanding.COMMANDS_READ)) if each.id in names]
    return told


def _named(store: Store) -> list[str]:
    living = commanding.living(store, here=socket.gethostname(), now=time.time())
    return sorted(name_of(each, living) for each in living)


def line_of(command: Command) -> str:
    """Return what came of a command, in one line."""
    outcome, state = command.outcome, state_at(command, time.time())
    words = "It has not answered." if outcome is None else outcome.message or outcome.error
    sizes = (outcome.rss_before_bytes, outcome.rss_after_bytes) if outcome is not None else (None, None)
    before, after = (None if size is None else format_bytes(size) for size in sizes)
    rss = f"  RSS {before} -> {after}" if before and after else ""
    return f"{command.worker.pid:>7} on {command.worker.host}  {state:<7}  {words}{rss}"


def _chosen(living: Sequence[WorkerId], asked: argparse.Namespace) -> Sequence[WorkerId]:
    names = ", ".join(sorted(name_of(each, living) for each in living))
    if asked.all:
        return living
    if not asked.worker:
        if len(living) > 1:
            raise CommandError(f"{len(living)} workers are alive; name some with --worker, or say --all: {names}")
        return living
    chosen: dict[WorkerId, None] = {}
    for written in asked.worker:
        meant = [each for each in living if written in names_of(each)]
        if len(meant) != 1:
            raise CommandError(
                f"--worker {written}: {'several workers have that number' if meant else 'no such worker is alive'}; "
                f"alive are: {names}"
            )
        chosen[meant[0]] = None
    return list(chosen)


def names_of(worker: WorkerId) -> set[str]:
    """Return what may be written for a worker: its process id, or that behind its host."""
    return {str(worker.pid), f"{worker.host}/{worker.pid}"}


def name_of(worker: WorkerId, among: Sequence[WorkerId]) -> str:
    """Return what a worker is called: its process id, with the host where there are several."""
    return str(worker.pid) if len({each.host for each in among}) <= 1 else f"{worker.host}/{worker.pid}"


def _patient(question: Callable[[], _Answer]) -> _Answer:
    """Return an answer of the store, asked again where a worker holds its lock."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return question()
        except Exception as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(SECONDS_BETWEEN_LOOKS)
