"""The report for a terminal: the same sentence on top, then findings, operations and workers as aligned columns."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from memguard.dashboard.words import VERDICT_WORDS, headline, left, percent, rate, sentence, title
from memguard.units import format_bytes

EVENTS_SHOWN = 5
SITES_SHOWN = 3


def as_text(report: dict[str, Any]) -> str:
    """Return the report as lines of plain text, without any control character of the host's."""
    alive = sum(worker["alive"] for worker in report["workers"])
    first = (
        f"memguard  service {report['service']}  {report['generated_at']}  "
        f"{alive} of {len(report['workers'])} workers alive"
    )
    parts = [
        [first, "", headline(report)[1]],
        _notes(report),
        *([_heading("Findings")] if report["findings"] else []),
        *_between(_finding(finding) for finding in report["findings"]),
        _section("Operations", _OPERATION, (_operation(each) for each in report["operations"])),
        _section("Workers", _WORKER, (_worker(each) for each in report["workers"])),
        _events(report["events"][:EVENTS_SHOWN]),
    ]
    return "\n".join(plain(line) for line in chain.from_iterable(parts)).rstrip() + "\n"


def plain(text: str) -> str:
    """Return text with every character that is not printable written out: a name must not command a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


_OPERATION = ("VERDICT", "OPERATION", "UNITS>", "ERRORS>", "SAMPLED>", "LEFT PER UNIT")
_WORKER = ("WORKER", "HOST", "SERVER", "STATE", "RSS>", "AT FIRST>", "CEILING>", "UNITS>", "OVERHEAD>", "LAST SEEN")
"""Names of columns; `>` marks those that stand to the right."""


def _operation(operation: dict[str, Any]) -> list[str]:
    return [
        VERDICT_WORDS.get(operation["verdict"], operation["verdict"]),
        title(operation),
        f"{operation['units']:,}",
        f"{operation['errors']:,}",
        f"{operation['sampled_units']:,}",
        left(operation),
    ]


def _worker(worker: dict[str, Any]) -> list[str]:
    state = worker["state"] if worker["alive"] or worker["state"] == "stopped" else "gone"
    return [
        f"{worker['kind']} {worker['pid']}",
        worker["host"],
        worker["server"],
        state,
        *(
            "-" if size is None else format_bytes(size)
            for size in (worker["rss_bytes"], worker["rss_baseline_bytes"], worker["ceiling_bytes"])
        ),
        f"{worker['units_total']:,}",
        percent(worker["overhead_ratio"]),
        worker["last_seen"][:19].replace("T", " "),
    ]


def _finding(finding: dict[str, Any]) -> list[str]:
    operation, rates = finding["operation"], finding["rate"]
    verdict = VERDICT_WORDS.get(finding["verdict"], finding["verdict"])
    much = rate(operation["kind"], rates["objects_per_unit"], rates["bytes_per_unit"])
    lines = [f"  {title(operation)}  {verdict}{f'  {much}' if much else ''}"]
    lines += [f"    {sentence(reason)}" for reason in finding["reasons"]]
    for site in finding["sites"][:SITES_SHOWN]:
        lines.append(f"    at {site['file']}:{site['line']} in {site['function']}")
        lines += [f"       {site['source']}"] if site["source"] else []
    if finding["types"]:
        lines.append(
            "    what stays: " + ", ".join(f"{each['type']} x {each['count']:,}" for each in finding["types"][:6])
        )
    if finding["holder"]:
        lines.append(f"    held by {finding['holder'].get('path', '')}")
    return [*lines, f"    {finding['pattern']['title']}. {finding['pattern']['advice']}"]


def _notes(report: dict[str, Any]) -> list[str]:
    notes = [*report["store"]["notes"]]
    notes += [f"{note} (worker {each['pid']})" for each in report["workers"] if each["alive"] for note in each["notes"]]
    return [f"Note: {note}" for note in dict.fromkeys(notes)]


def _events(events: Sequence[dict[str, Any]]) -> list[str]:
    if not events:
        return []
    rows = [
        [
            event["at"][:19].replace("T", " "),
            event["type"],
            f"worker {event['pid']}",
            " ".join(f"{key}={value}" for key, value in event["detail"].items()),
        ]
        for event in events
    ]
    return [*_heading("Newest events"), *_aligned(("", "", "", ""), rows)[1:]]


def _between(parts: Iterable[list[str]]) -> list[list[str]]:
    return [["", *part] if place else part for place, part in enumerate(parts)]


def _heading(words: str) -> list[str]:
    return ["", words.upper()]


def _section(name: str, columns: Sequence[str], rows: Iterable[list[str]]) -> list[str]:
    told = list(rows)
    return [*_heading(name), *_aligned(columns, told)] if told else []


def _aligned(columns: Sequence[str], rows: list[list[str]]) -> list[str]:
    heads = [column.rstrip(">") for column in columns]
    cells = [heads, *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column.endswith(">") else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]
