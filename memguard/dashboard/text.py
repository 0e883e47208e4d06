"""The report for a terminal: the same sentence on top, then findings, operations and workers as aligned columns."""

from collections.abc import Iterable, Sequence
from itertools import chain
from textwrap import wrap
from typing import Any

from memguard.dashboard.proof import ROLE_WORDS, growth, holder_facts, marks, much, site_facts, site_remarks, steps
from memguard.dashboard.words import VERDICT_WORDS, headline, left, percent, sentence, title
from memguard.units import format_bytes

EVENTS_SHOWN = 5
SITES_SHOWN = 3
WIDTH = 110
"""Columns that prose may take."""


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
    state = worker["state"] if worker["alive"] or worker["state"] in {"stopped", "died"} else "gone"
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
    operation = finding["operation"]
    verdict = VERDICT_WORDS.get(finding["verdict"], finding["verdict"])
    lines = [f"  {'  '.join(filter(None, (title(operation), verdict, *marks(finding), much(finding))))}"]
    lines += [f"    {sentence(reason)}" for reason in finding["reasons"]]
    lines += [f"    why it is this operation's: {finding['attribution']}"] if finding["attribution"] else []
    for site in finding["sites"][:SITES_SHOWN]:
        lines += _site(site)
    if finding["types"]:
        lines.append(
            "    what stays: " + ", ".join(f"{each['type']} x {each['count']:,}" for each in finding["types"][:6])
        )
    if finding["holder"]:
        lines += _holder(finding["holder"], operation["kind"])
    lines += wrap(
        f"{finding['pattern']['title']}. {finding['pattern']['advice']}", WIDTH,
        initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [*lines, f"    to reproduce it: memguard reproduce {finding['fingerprint']}"]


def _site(site: dict[str, Any]) -> list[str]:
    facts = site_facts(site)
    first = f"    at {site['file']}:{site['line']} in {site['function']}{f', {facts}' if facts else ''}"
    below = [site["source"]] if site["source"] else []
    return [first, *(f"       {words}" for words in below + site_remarks(site))]


def _holder(holder: dict[str, Any], kind: str) -> list[str]:
    facts = holder_facts(holder, kind)
    lines = [f"    held by {holder['path']}{f', {facts}' if facts else ''}"]
    gained = growth(holder, kind) or "more and more"
    for depth, step in enumerate(steps(holder)):
        edge = f"{'  ' * (depth - 1)}└ {step.via}{f' ({gained})' if step.grows else ''}: " if depth else ""
        told = ", ".join(filter(None, (step.size, ROLE_WORDS[step.role])))
        lines.append(f"       {edge}{step.what}{f' ({told})' if told else ''}")
    return lines


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
    return [*_heading("Newest events"), *aligned(("", "", "", ""), rows)[1:]]


def _between(parts: Iterable[list[str]]) -> list[list[str]]:
    return [["", *part] if place else part for place, part in enumerate(parts)]


def _heading(words: str) -> list[str]:
    return ["", words.upper()]


def _section(name: str, columns: Sequence[str], rows: Iterable[list[str]]) -> list[str]:
    told = list(rows)
    return [*_heading(name), *aligned(columns, told)] if told else []


def aligned(columns: Sequence[str], rows: list[list[str]]) -> list[str]:
    """Return a table's lines; the names of columns that stand to the right end with `>`."""
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
