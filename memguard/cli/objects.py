"""Show what is alive in workers by type, and what has grown since the snapshot before; exit code 1 where none was taken.

With --take workers take one now: their heap is walked in pieces, between which they go on. With one of the ways below
workers are asked to look closer now; exit code 1 where one could not say.
"""

import argparse
import json
import sys

from memguard.cli import inspecting
from memguard.cli.asking import ask, asking_arguments, line_of, names_of
from memguard.cli.command import FOUND, OK
from memguard.cli.numbers import count, signed
from memguard.cli.stores import opened
from memguard.dashboard.lists import snapshot_row
from memguard.dashboard.merging import moment
from memguard.dashboard.text import aligned, plain
from memguard.model import WorkerId
from memguard.snapshots import Snapshot
from memguard.units import format_bytes


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--take", action="store_true", help="have workers take a snapshot first")
    parser.add_argument("--top", metavar="N", type=count, default=15, help="how many types and lines (default: 15)")
    asking_arguments(parser)
    inspecting.arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Print them; return 1 where there are none, or a worker could not take one."""
    if asked.way is not None:
        return inspecting.run(asked)
    code = OK
    with opened(asked.store, asked.service, to_ask=asked.take) as found:
        if asked.take:
            told = ask(found, asked, "snapshot")
            failed = [each for each in told if each.state != "done"]
            print("".join(f"{plain(line_of(each))}\n" for each in failed), end="", file=sys.stderr)
            code = FOUND if failed or not told else OK
        taken = [each for each in found.store.snapshots() if _is_meant(each[0], asked.worker)]
    if asked.json:
        print(json.dumps([snapshot_row(worker, each) for worker, each in taken], indent=2))
    elif taken:
        print("\n\n".join("\n".join(_lines(worker, each, asked.top)) for worker, each in taken))
    else:
        print("memguard: no snapshot has been taken; to take one: memguard objects --take", file=sys.stderr)
    return code if taken else FOUND


def _is_meant(worker: WorkerId, wanted: list[str]) -> bool:
    return not wanted or not names_of(worker).isdisjoint(wanted)


def _lines(worker: WorkerId, taken: Snapshot, top: int) -> list[str]:
    lines = [
        plain(f"worker {worker.pid} on {worker.host}: {taken.objects:,} objects at {moment(taken.at)[:19]}"),
        *aligned(
            ("ALIVE", "OBJECTS>", "THEMSELVES>"),
            [
                [each.type, f"{each.count:,}", "-" if each.bytes is None else format_bytes(each.bytes)]
                for each in taken.types[:top]
            ],
        ),
    ]
    grown = [each for each in taken.growth if each.after > each.before][:top]
    if grown:
        since = moment(taken.before)[:19] if taken.before is not None else ""
        rows = [[each.type, f"+{each.after - each.before:,}", f"{each.before:,}", f"{each.after:,}"] for each in grown]
        lines += ["", *aligned((f"GROWN SINCE {since}", "MORE>", "BEFORE>", "NOW>"), rows)]
    if taken.sites:
        rows = [
            [f"{each.file}:{each.line} {each.function}", format_bytes(each.bytes), signed(each.bytes_growth)]
            for each in taken.sites[:top]
        ]
        lines += ["", *aligned(("ALLOCATED AT", "BYTES>", "GREW BY>"), rows)]
    return lines
