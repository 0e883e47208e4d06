"""List the units that were recorded last, with their memory; exit code 1 where none was.

Units are recorded in trace mode, and while a worker is traced (`memguard trace`). What overlapped other units is marked
with `~`: its figures are of all of them together.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from memguard.cli.command import FOUND, OK
from memguard.cli.numbers import count, signed
from memguard.cli.stores import opened, store_arguments
from memguard.dashboard.lists import unit_row
from memguard.dashboard.merging import moment
from memguard.dashboard.queries import LIMIT_DEFAULT
from memguard.dashboard.text import aligned, plain
from memguard.dashboard.words import title
from memguard.model import UnitRecord
from memguard.store.pruning import UNITS_KEPT

_ORDERS: dict[str, Callable[[UnitRecord], float]] = {
    "at": lambda unit: unit.at,
    "seconds": lambda unit: unit.seconds,
    "traced": lambda unit: unit.traced or 0,
    "peak": lambda unit: unit.traced_peak or 0,
    "rss": lambda unit: unit.rss or 0,
    "objects": lambda unit: unit.objects or 0,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--operation", metavar="NAME", help="only those of one operation, like 'GET /users/<id>'")
    parser.add_argument(
        "--sort", choices=tuple(_ORDERS), default="at", help="what comes first (default: at, the newest)"
    )
    parser.add_argument("--top", metavar="N", type=count, default=20, help="how many (default: 20)")
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Print them; return 1 where there are none."""
    with opened(asked.store, asked.service) as found:
        told = found.store.units(limit=max(LIMIT_DEFAULT, UNITS_KEPT), operation=asked.operation)
    told = sorted(told, key=lambda each: -_ORDERS[asked.sort](each[1]))[: asked.top]
    if asked.json:
        print(json.dumps([unit_row(worker, unit) for worker, unit in told], indent=2))
    elif told:
        print("\n".join(aligned(_COLUMNS, [_row(worker.pid, unit) for worker, unit in told])))
    else:
        which = "" if asked.operation is None else f" of {plain(asked.operation)!r}"
        print(f"memguard: no units{which} were recorded; to record some: memguard trace", file=sys.stderr)
    return OK if told else FOUND


_COLUMNS = ("AT", "WORKER>", "OPERATION", "TOOK>", "LEFT>", "PEAK>", "OBJECTS>", "RSS>", "")


def _row(pid: int, unit: UnitRecord) -> list[str]:
    mark = "~" if unit.overlapped else ""
    return [
        moment(unit.at)[:19].replace("T", " "),
        str(pid),
        title(asdict(unit.operation)),
        f"{unit.seconds * 1000:,.0f} ms",
        *(mark + signed(size) for size in (unit.traced, unit.traced_peak)),
        "-" if unit.objects is None else f"{mark}{unit.objects:,}",
        mark + signed(unit.rss),
        "failed" if unit.error else "",
    ]
