"""What tests ask of a report, and the report as the command line gives it."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from example_apps.servers import ROOT, environment

LEAKING_LINE = "# the line that leaks"

Report = dict[str, Any]


def marked_line(module_file: str, mark: str = LEAKING_LINE) -> tuple[Path, int]:
    """Return the file, and the number of its line that is marked as the one that leaks."""
    path = ROOT / module_file
    (number,) = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line.endswith(mark)]
    return path, number


def finding(report: Report, name: str) -> Report | None:
    """Return the finding that says that the operation of that name leaks, or None."""
    leaks = [entry for entry in report["findings"] if entry["verdict"] == "leak"]
    found = [entry for entry in leaks if entry["operation"]["name"] == name]
    assert len(found) <= 1, f"one leak is named more than once: {found}"
    return found[0] if found else None


def accused(report: Report) -> set[tuple[str, str]]:
    """Return the kind and name of every operation that is said to leak, as a verdict or as a finding."""
    findings = [entry["operation"] for entry in report["findings"] if entry["verdict"] == "leak"]
    verdicts = [entry for entry in report["operations"] if entry["verdict"] == "leak"]
    return {(entry["kind"], entry["name"]) for entry in chain(findings, verdicts)}


def command_line_report(store: Path) -> Report:
    """Return what `memguard report --store … --json` prints."""
    entry_point = "import sys; from memguard.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", entry_point, "report", "--store", str(store), "--json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr or done.stdout}"
    report: Report = json.loads(done.stdout)
    return report
