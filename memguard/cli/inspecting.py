"""Ways to look into the objects of running workers, each a word behind `memguard objects`."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memguard.cli.asking import asking_arguments, run_action, traced_seconds
from memguard.cli.command import CommandError
from memguard.cli.numbers import count
from memguard.commands import Command, Outcome
from memguard.dashboard.looked import lines_of
from memguard.dashboard.text import plain
from memguard.export.dot import NoDotError, as_dot, as_svg
from memguard.inspection import (
    INSPECT_SECONDS,
    INSPECT_SECONDS_MOST,
    MOST,
    MOST_MOST,
    Question,
    Way,
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way in words: what it tells, and what its name is the name of."""

    told: str
    named: str = ""


_KINDS: dict[Way, _Kind] = {
    "largest": _Kind("the objects of a type with the most bytes, and who holds them", "TYPE"),
    "size": _Kind("a container with all that can be reached from it, like shop.views._cache", "CONTAINER"),
    "chain": _Kind("the chain from a root to an object of a type, and the graph around it", "TYPE"),
    "cycles": _Kind("what only a full collection frees, by the cycles it is in"),
    "uncollectable": _Kind("what not even a full collection frees"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the ways, each with arguments of its own; without one the command is what it was."""
    ways = parser.add_subparsers(dest="way", metavar="WAY", title="to look closer, with arguments of its own")
    for way, kind in _KINDS.items():
        each = ways.add_parser(way, help=kind.told, description=f"Show {kind.told}.")
        asking_arguments(each)
        each.add_argument(
            "--top", metavar="N", type=count, help=f"how many rows (default: {MOST}, at most {MOST_MOST})"
        )
        # What was given before the way is not forgotten.
        for argument in each._actions:
            if argument.dest not in {"help", "name"}:
                argument.default = argparse.SUPPRESS
        each.add_argument(
            "--seconds", metavar="TIME", default=f"{INSPECT_SECONDS:.0f}",
            help=f"how long it may take (default: {INSPECT_SECONDS:.0f}, at most {INSPECT_SECONDS_MOST:.0f})",
        )  # fmt: skip
        if kind.named:
            each.add_argument("name", metavar=kind.named, help="as `memguard objects` or a finding writes it")
        if way == "chain":
            each.add_argument("--dot", metavar="FILE", nargs="?", const="-", help="write the graph as DOT, or print it")
            each.add_argument("--svg", metavar="FILE", type=Path, help="draw the graph, by Graphviz's program dot")


def run(asked: argparse.Namespace) -> int:
    """Ask, wait, and print what was found; return 1 where a worker could not say."""
    way: Way = asked.way
    seconds = traced_seconds("--seconds", asked.seconds, INSPECT_SECONDS_MOST)
    if asked.top > MOST_MOST:
        raise CommandError(f"--top {asked.top}: at most {MOST_MOST} are told")
    if asked.take:
        raise CommandError(f"--take and {way} are two things; ask for one after the other")
    question = Question(way, getattr(asked, "name", ""), asked.top)
    dot, svg = getattr(asked, "dot", None), getattr(asked, "svg", None)
    if svg is not None:
        _can_draw(svg)
    if dot == "-" and asked.json:
        raise CommandError("--json and --dot are both printed; give --dot a file")
    written = _Written(dot, svg)
    return run_action(asked, "inspect", seconds, question=question, more=_text, then=written.take, is_silent=dot == "-")


def _can_draw(svg: Path) -> None:
    """Say at once that nothing can be drawn, not when workers have looked for it."""
    try:
        as_svg("digraph objects {}")
    except NoDotError as error:
        raise CommandError(f"--svg {svg}: {error}; --dot FILE writes the graph for a machine that has it") from None


class _Written:
    """Writes the graphs of workers: one file each, by the worker's number where there are several."""

    def __init__(self, dot: str | None, svg: Path | None) -> None:
        self._dot = dot
        self._svg = svg

    def take(self, told: list[Command]) -> None:
        """Write what was found, as it was asked for."""
        graphs = [
            (each.worker.pid, each.outcome.inspection.graph)
            for each in told
            if each.outcome is not None and each.outcome.inspection is not None and each.outcome.inspection.graph
        ]
        name = self._named(len(graphs))
        for pid, graph in graphs:
            text = as_dot(graph)
            if self._dot == "-":
                print(text, end="")
            elif self._dot is not None:
                name(Path(self._dot), pid).write_text(text, encoding="utf-8")
            if self._svg is not None:
                try:
                    name(self._svg, pid).write_bytes(as_svg(text))
                except NoDotError as error:
                    raise CommandError(f"--svg {self._svg}: {error}") from None

    def _named(self, graphs: int) -> Callable[[Path, int], Path]:
        return lambda path, pid: path if graphs == 1 else path.with_stem(f"{path.stem}-{pid}")


def _text(outcome: Outcome) -> str:
    """Return what was found, as lines below a worker's own."""
    if outcome.inspection is None:
        return ""
    return "".join(f"  {plain(line)}\n" if line else "\n" for line in ["", *lines_of(outcome.inspection), ""])
