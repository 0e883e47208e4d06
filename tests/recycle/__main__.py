"""`python -m tests.recycle`: replace workers of every server under load, as often as it takes to believe it."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from example_apps.servers import ROOT, Servers
from tests.recycle.modes import MODES, Mode, old_gthread
from tests.recycle.running import Aim, Result, run
from tests.recycle.table import show, write

PAGE = ROOT / "docs" / "recycling.md"


def main(arguments: list[str]) -> int:
    """Run what the arguments say; return 1 if memguard lost anything, or replaced too few."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 160)
    modes = [*MODES, *([old_gthread(options.old_gunicorn)] if options.old_gunicorn else [])]
    chosen = [mode for mode in modes if options.only in mode.name]
    if not chosen:
        raise SystemExit(f"there is no such server; there are: {', '.join(mode.name for mode in modes)}")
    rows: list[tuple[Mode, Result, Result | None]] = []
    failed = False
    for mode in chosen:
        aim = Aim(options.requests, options.recycles, options.seconds or mode.seconds)
        ours = _run(mode, aim, console, own=False)
        failed |= bool(ours.lost or ours.wrong) or not ours.reached(aim)
        own = _run(mode, aim, console, own=True) if options.own and mode.own else None
        rows.append((mode, ours, own))
        if options.write_docs:
            write(rows[-1:], PAGE)
    show(rows, console)
    return int(failed)


def _run(mode: Mode, aim: Aim, console: Console, *, own: bool) -> Result:
    with tempfile.TemporaryDirectory(prefix="recycle-") as directory, Servers() as servers:
        result = run(mode, servers, Path(directory), aim, own=own)
    what = f"its own {mode.own_words}" if own else "memguard"
    missed = "" if result.reached(aim) else ", which is not enough"
    console.print(
        f"{mode.name}, {what}: {result.requests} requests, {result.recycles} recycles{missed}, "
        f"lost {result.lost or 'nothing'}, {result.seconds:.0f} s"
    )
    for words in [*result.wrong, *result.sample]:
        console.print(f"    {words}", markup=False)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.recycle", description=__doc__)
    parser.add_argument("--only", metavar="PART", default="", help="servers whose name has this in it")
    parser.add_argument("--requests", type=int, default=20_000, help="for each server at least")
    parser.add_argument("--recycles", type=int, default=150, help="for each server at least")
    parser.add_argument("--seconds", type=float, help="for each server at most, in place of its own")
    parser.add_argument("--own", action="store_true", help="also the servers' own mechanisms, without memguard")
    parser.add_argument("--old-gunicorn", metavar="PYTHON", help="an interpreter with a gunicorn below 24")
    parser.add_argument(
        "--write-docs", action="store_true", help="put each row into docs/recycling.md once it is there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
