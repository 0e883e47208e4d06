"""Print a pytest file that fails while a finding's leak is there."""

import argparse
import json
from dataclasses import asdict

from memguard.cli.command import OK, CommandError
from memguard.cli.completing import offers
from memguard.cli.stores import read, store_arguments
from memguard.dashboard.accused import best_told
from memguard.dashboard.text import plain
from memguard.dashboard.words import title
from memguard.explain.reproduction import reproduction


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    offers(
        parser.add_argument("fingerprint", metavar="FINGERPRINT", help="of the finding, as the report shows it"),
        lambda store: sorted({each.fingerprint for _, each in store.read().findings}),
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, with a name for the file")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Print the file."""
    told = read(asked.store, asked.service)
    findings = [finding for _, finding in told.stored.findings]
    best = best_told(finding for finding in findings if finding.fingerprint == asked.fingerprint)
    if best is not None:
        text = reproduction(best)
        if asked.json:
            name = f"test_leak_{best.fingerprint}.py"
            print(json.dumps({"fingerprint": best.fingerprint, "file": name, "text": text}, indent=2))
        else:
            print(text, end="")
        return OK
    known = {each.fingerprint: title(asdict(each.judgement.operation)) for each in findings}
    names = ", ".join(plain(f"{fingerprint} ({name})") for fingerprint, name in sorted(known.items())) or "none"
    raise CommandError(
        f"service {told.service!r} has no finding with the fingerprint {asked.fingerprint!r}; it has: {names}"
    )
