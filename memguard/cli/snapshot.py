"""Show a snapshot of allocations, or what came between two, and turn it into what other tools read.

A process that traces writes one with `memguard.write_snapshot("now.mgs")`; `memguard snapshots` lists those that workers have
put into the store, which are named by their id.
"""

import argparse
import json
import sys
from pathlib import Path

from memguard import allocations
from memguard.allocations import Allocations
from memguard.cli.command import OK
from memguard.cli.kept import kept_arguments, named_arguments, read
from memguard.cli.numbers import count
from memguard.export.flames.formats import FORMATS
from memguard.export.flames.naming import Names, stack
from memguard.units import format_bytes


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    named_arguments(
        parser.add_argument("file", metavar="SNAPSHOT", help="a file, or the id of one that the store keeps"),
        parser.add_argument("--since", metavar="SNAPSHOT", help="another, earlier one: show what came between them"),
    )
    choice_arguments(parser)
    kept_arguments(parser)


def choice_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what of a snapshot is shown, and how."""
    parser.add_argument(
        "--by", choices=("line", "file", "traceback"), default="line", help="how to group (default: line)"
    )
    parser.add_argument("--include", metavar="PATTERN", action="append", default=[], help="only files like */shop/*")
    parser.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="no files like */site-packages/*"
    )
    parser.add_argument("--domain", metavar="N", type=int, help="only this domain of tracemalloc's; 0 is Python itself")
    parser.add_argument("--top", metavar="N", type=count, default=20, help="how many groups (default: 20)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON: totals, and the groups with bytes and count")
    form.add_argument("--format", choices=tuple(FORMATS), help="the stacks for another tool, or as a flame graph")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to; stdout without")


def run(asked: argparse.Namespace) -> int:
    """Show it, or write it."""
    taken = read(asked.file, asked)
    if asked.since is not None:
        taken = allocations.difference(read(asked.since, asked), taken)
    show(chosen(taken, asked), asked)
    return OK


def chosen(taken: Allocations, asked: argparse.Namespace) -> Allocations:
    """Return what was asked for of a snapshot."""
    return allocations.chosen(taken, include=asked.include, exclude=asked.exclude, domain=asked.domain)


def show(taken: Allocations, asked: argparse.Namespace) -> None:
    """Print a snapshot as it was asked for, or write it into a file."""
    body = FORMATS[asked.format](taken, Names()) if asked.format is not None else _told(taken, asked)
    if asked.output is not None:
        asked.output.write_bytes(body if isinstance(body, bytes) else body.encode())
    elif isinstance(body, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
    else:
        print(body, end="")


def _told(taken: Allocations, asked: argparse.Namespace) -> str:
    grouped = allocations.grouped(taken, asked.by)
    return _json(grouped, asked) if asked.json else _text(taken, grouped, asked.top)


def _text(taken: Allocations, grouped: Allocations, top: int) -> str:
    names = Names()
    lines = [f"{format_bytes(taken.bytes)} in {taken.count:,} allocations\n"]
    lines.append(f"{'bytes':>10} {'count':>10}  allocated at\n")
    for group in grouped.groups[:top]:
        innermost, *outer = reversed(stack(group.frames))
        where = innermost[0] if innermost[1] == 0 else names.label(innermost)
        lines.append(f"{format_bytes(group.bytes):>10} {group.count:>10,}  {where}\n")
        lines += [f"{'':>21}  <- {names.label(each)}\n" for each in outer]
    return "".join(lines)


def _json(grouped: Allocations, asked: argparse.Namespace) -> str:
    rows = [
        {
            "bytes": group.bytes,
            "count": group.count,
            "frames": [{"file": file, "line": line} for file, line in group.frames],
        }
        for group in grouped.groups[: asked.top]
    ]
    told = {
        "at": grouped.at, "domain": asked.domain, "bytes": grouped.bytes, "count": grouped.count, "groups": rows,
    }  # fmt: skip
    return json.dumps(told, indent=2) + "\n"
