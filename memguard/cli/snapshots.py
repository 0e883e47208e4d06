"""List the snapshots of allocations that the workers of a service have put into its store; exit code 1 where none is kept.

Workers take one at the end of a trace (`memguard trace`), in trace mode when they are asked (`memguard objects --take`),
and every so often where `snapshot_interval` is set. --save writes one into a file, to be copied elsewhere; here
`memguard snapshot ID` and `memguard diff ID ID` show what the store keeps.
"""

import argparse
import json
import sys
from pathlib import Path

from memguard.cli.command import FOUND, OK
from memguard.cli.completing import offers
from memguard.cli.kept import body_of, ids
from memguard.cli.stores import opened, store_arguments
from memguard.dashboard.merging import moment
from memguard.dashboard.picturing import row
from memguard.dashboard.text import aligned
from memguard.units import format_bytes

_COLUMNS = ("ID", "AT", "WORKER>", "HOST", "BYTES>", "ALLOCATIONS>", "WHY")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    offers(parser.add_argument("--save", metavar="ID", help="write this one into a file"), ids)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to (default: ID.mgs)")
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """List them, or write one into a file; return 1 where there is none."""
    with opened(asked.store, asked.service) as found:
        told = found.store.allocations()
        if asked.save is not None:
            body = body_of(found.store, asked.save)
            path: Path = asked.output or Path(f"{asked.save}.mgs")
            path.write_bytes(body)
            if asked.json:
                print(json.dumps({"id": asked.save, "file": str(path), "bytes": len(body)}))
            return OK
    if asked.json:
        print(json.dumps([row(worker, kept) for worker, kept in told], indent=2))
    elif told:
        rows = [
            [
                kept.id, moment(kept.at)[:19].replace("T", " "), str(worker.pid), worker.host, format_bytes(kept.bytes),
                f"{kept.count:,}", kept.reason,
            ]
            for worker, kept in told
        ]  # fmt: skip
        print("\n".join(aligned(_COLUMNS, rows)))
    else:
        print("memguard: no snapshot of allocations is kept; a trace ends with one: memguard trace", file=sys.stderr)
    return OK if told else FOUND
