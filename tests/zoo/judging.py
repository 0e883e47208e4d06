"""Truth and report compared: a row for each operation, and the targets that all rows together have to reach."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.zoo.truth import Truth
from tests.zoo.watching import Report, Seen

SITES_LEAST, HOLDERS_LEAST, PATTERNS_LEAST = 0.95, 0.95, 0.90
OVERHEAD_MOST = 0.01
NOWHERE = {"unknown", "interpreter"}


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one operation; plain data, so that a run can be kept as JSON.

    Attributes:
        operation: Its name in the report; `app` and `name` are its own.
        verdict: The last one.
        sent, units: How often it was sent, and counted by memguard.
        units_allowed: Units within which a leak is to be named.
        leak_units, suspect_units: Units when it was accused or suspected first.
        site, holder, pattern: Whether they are right; None for an operation that does not leak.
        told: What was reported of the three.
        wrong: What is not as it should be, in words.
    """

    app: str
    name: str
    kind: str
    operation: str
    leaks: bool
    verdict: str
    sent: int
    units: int
    units_allowed: int
    suspect_units: int | None
    leak_units: int | None
    leak_seconds: float | None
    site: bool | None
    holder: bool | None
    pattern: bool | None
    told: dict[str, str]
    wrong: list[str]

    @property
    def found(self) -> bool:
        """It was said to leak."""
        return self.leak_units is not None

    @property
    def in_time(self) -> bool:
        """It was said to leak within the units allowed."""
        return self.leak_units is not None and self.leak_units <= self.units_allowed


def judge(truth: Truth, seen: Seen, sent: int) -> Row:
    """Return the row of one operation."""
    finding = seen.finding or {}
    told = {"site": _site(finding), "holder": _holder(finding), "pattern": (finding.get("pattern") or {}).get("id", "")}
    right = {
        "site": bool(finding) and site_is_right(truth, finding),
        "holder": bool(finding) and holder_is_right(truth, finding),
        "pattern": told["pattern"] in truth.patterns,
    }
    verdict = seen.verdicts[-1][1] if seen.verdicts else "not seen"
    return Row(
        app=truth.app,
        name=truth.name,
        kind=truth.kind,
        operation=truth.operation,
        leaks=truth.leaks,
        verdict=verdict,
        sent=sent,
        units=seen.units,
        units_allowed=truth.units,
        suspect_units=seen.suspect_units,
        leak_units=seen.leak_units,
        leak_seconds=seen.leak_seconds,
        site=right["site"] if truth.leaks else None,
        holder=right["holder"] if truth.leaks else None,
        pattern=right["pattern"] if truth.leaks else None,
        told=told,
        wrong=list(_wrong(truth, seen, verdict, told, right)),
    )


def site_is_right(truth: Truth, finding: Report) -> bool:
    """Tell whether the first site of a finding is a line that leaks."""
    sites = finding["sites"]
    if not sites:
        return not truth.traced
    place = str(Path(sites[0]["file"])), sites[0]["line"]
    return place in truth.lines or any(text in place[0] for text in truth.library)


def holder_is_right(truth: Truth, finding: Report) -> bool:
    """Tell whether the holder of a finding is what holds the residue, or that there is none where there is none."""
    holder = finding["holder"]
    if not truth.holders:
        return holder is None or holder.get("root_kind", "unknown") in NOWHERE
    if holder is None:
        return False
    named = (holder["path"], holder["root"])
    return any(
        holder.get("root_kind") == text.removeprefix("kind:")
        if text.startswith("kind:")
        else any(text in each for each in named)
        for text in truth.holders
    )


def _wrong(truth: Truth, seen: Seen, verdict: str, told: dict[str, str], right: dict[str, bool]) -> list[str]:
    if not truth.leaks:
        return [f"accused after {seen.leak_units} units: {_reasons(seen)}"] if seen.leak_units is not None else []
    if seen.leak_units is None:
        return [f"not found: {verdict} after {seen.units} units; {_reasons(seen)}"]
    wrong = []
    if seen.leak_units > truth.units:
        wrong.append(f"named after {seen.leak_units} units, not within {truth.units}")
    if seen.finding is None:
        return [*wrong, "no finding goes with the verdict"]
    expected = {
        "site": " or ".join(f"{Path(file).name}:{line}" for file, line in truth.lines),
        "holder": " or ".join(truth.holders) or "none",
        "pattern": " or ".join(truth.patterns),
    }
    wrong.extend(
        f"{what}: {told[what] or 'none'} instead of {expected[what]}"
        for what in ("site", "holder", "pattern")
        if not right[what]
    )
    types = [entry["type"] for entry in seen.finding["types"]]
    if truth.types and types and not any(text in each for text in truth.types for each in types):
        wrong.append(f"types: {', '.join(types[:4])} instead of {' or '.join(truth.types)}")
    return wrong


def _reasons(seen: Seen) -> str:
    return " ".join(seen.reasons) or "no reason given"


def _site(finding: Report) -> str:
    sites = finding.get("sites") or []
    if not sites:
        return ""
    path = Path(sites[0]["file"])
    return f"{path.parent.name}/{path.name}:{sites[0]['line']}"


def _holder(finding: Report) -> str:
    holder: dict[str, Any] | None = finding.get("holder")
    return f"{holder['path']} ({holder['root']})" if holder else ""


@dataclass(frozen=True, slots=True)
class Target:
    """One promise with what came of it."""

    name: str
    wanted: str
    got: str
    reached: bool


def targets(rows: list[Row], overhead_before: dict[str, float], strays: list[str]) -> list[Target]:
    """Return every target over all rows; rates are of all leaking operations, found or not."""
    leaking = [row for row in rows if row.leaks]
    accused = [row for row in rows if not row.leaks and row.found]
    found, in_time = sum(row.found for row in leaking), sum(row.in_time for row in leaking)
    worst = max(overhead_before.values(), default=0.0)
    return [
        Target("leaks found", "all", f"{found} of {len(leaking)}", found == len(leaking)),
        Target("named within their units", "all", f"{in_time} of {len(leaking)}", in_time == len(leaking)),
        Target(
            "innocent operations accused",
            "none",
            f"{len(accused) + len(strays)} of {len(rows) - len(leaking)}",
            not accused and not strays,
        ),
        _rate("site", SITES_LEAST, [bool(row.site) for row in leaking]),
        _rate("holder", HOLDERS_LEAST, [bool(row.holder) for row in leaking]),
        _rate("pattern", PATTERNS_LEAST, [bool(row.pattern) for row in leaking]),
        Target("overhead before suspicion", f"at most {OVERHEAD_MOST:.0%}", f"{worst:.2%}", worst <= OVERHEAD_MOST),
    ]


def _rate(name: str, least: float, right: list[bool]) -> Target:
    share = sum(right) / len(right) if right else 1.0
    return Target(
        f"{name} right", f"at least {least:.0%}", f"{sum(right)} of {len(right)} ({share:.0%})", share >= least
    )
