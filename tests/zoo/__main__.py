"""`python -m tests.zoo`: serve the zoo, watch what memguard says of it, and compare with the truth."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from example_apps.servers import ROOT, Servers
from tests.zoo.groups import GROUPS, Group
from tests.zoo.judging import judge
from tests.zoo.page import page
from tests.zoo.serving import Outcome, run
from tests.zoo.tables import Results, machine, merged, show
from tests.zoo.truth import Truth

PAGE = ROOT / "docs" / "accuracy.md"
FRAMEWORKS = ("flask", "django", "fastapi", "celery")


def main(arguments: list[str]) -> int:
    """Run what the arguments say; return 1 if a target was missed."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180)
    if options.read:
        results = merged([Results.from_json(json.loads(file.read_text())) for file in options.read])
    else:
        results = _run(_chosen(options.app, options.only), options.seconds, console)
    show(results, console)
    if options.json is not None:
        options.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if options.write_docs:
        PAGE.write_text(page(results))
    return 0 if all(target.reached for target in results.targets()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--only", metavar="NAME,..", default="", help="operations by their function's name")
    parser.add_argument("--app", help=f"one framework ({', '.join(FRAMEWORKS)}) or one server, like flask.rare")
    parser.add_argument("--seconds", type=float, help="of load for each server, instead of its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results there")
    parser.add_argument(
        "--read", type=Path, nargs="+", metavar="FILE", help="do not run; show what was kept there, of all together"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/accuracy.md")
    return parser


def _chosen(app: str | None, only: str) -> list[tuple[Group, tuple[Truth, ...]]]:
    names = {name for name in only.split(",") if name}
    chosen = []
    for group in GROUPS:
        if app in (None, group.framework, group.app):
            truths = tuple(truth for truth in group.truths() if not names or truth.name in names)
            if truths:
                chosen.append((group, truths))
    if not chosen:
        raise SystemExit("there is no such operation in the zoo")
    return chosen


def _run(chosen: list[tuple[Group, tuple[Truth, ...]]], seconds: float | None, console: Console) -> Results:
    begun = time.monotonic()
    results = Results(machine=machine())
    with tempfile.TemporaryDirectory(prefix="zoo-") as directory, Servers() as servers:
        for group, truths in chosen:
            place = Path(directory, group.app)
            place.mkdir()
            outcome = run(group, truths, servers, place, seconds=seconds or group.seconds, say=console.print)
            _add(results, outcome)
    results.seconds = round(time.monotonic() - begun)
    return results


def _add(results: Results, outcome: Outcome) -> None:
    app, watcher = outcome.group.app, outcome.watcher
    for truth in outcome.truths:
        results.rows.append(judge(truth, watcher.seen[truth.key], outcome.sent.get(truth.name, 0)))
        results.verdicts[f"{app} {truth.name}"] = watcher.seen[truth.key].verdicts
    results.overhead_before[app] = watcher.overhead_before
    results.overhead_most[app] = max((ratio for _, ratio in watcher.overhead), default=0.0)
    results.overhead[app] = watcher.overhead
    results.rss_most[app] = watcher.rss_most
    results.strays.extend(f"{app}: {stray}" for stray in sorted(watcher.strays))
    if notes := [*sorted(watcher.notes), *outcome.troubles]:
        results.notes[app] = notes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
