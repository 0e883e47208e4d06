"""List the findings of a service, one line each; exit code 1 where something leaks, for scripts and for CI."""

import argparse
import json

from memguard.cli.command import FOUND, OK
from memguard.cli.report import report_of
from memguard.cli.stores import store_arguments
from memguard.cli.terminal import show
from memguard.dashboard.text import plain


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Print them; return 1 where any of them is a leak."""
    findings = report_of(asked)["findings"]
    if asked.json:
        print(json.dumps(findings, indent=2))
    for finding in [] if asked.json else findings:
        operation, site = finding["operation"], finding["sites"][0] if finding["sites"] else None
        name = operation["name"] if operation["kind"] == "request" else f"{operation['kind']} {operation['name']}"
        where = f"  {site['file']}:{site['line']}" if site else ""
        holder = f"  held by {finding['holder']['path']}" if finding["holder"] else ""
        told = f"{finding['fingerprint']}  {finding['verdict']:<8} {name}  {finding['pattern']['id']}{where}{holder}"
        show(f"{plain(told)}\n")
    return FOUND if any(finding["verdict"] == "leak" for finding in findings) else OK
