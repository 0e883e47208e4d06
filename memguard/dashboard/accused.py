"""The findings of the report: what all workers accuse of the same, as one, and what became of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from memguard.dashboard.merging import DAY, GRAVITY, gravity, mean, moment, verdict_of
from memguard.model import Finding, Known, Operation, Stored, WorkerId
from memguard.residue.ageing import ACCUSED, History

NEW_SECONDS = DAY
"""How long a finding is new, from the first time that any worker told of it."""
LISTED_SECONDS = DAY
"""How long a finding that no worker stands by any more stays in the list."""
BACK_SECONDS = 7 * DAY
"""How long a finding that was told again after it was gone is marked."""
SITES_SHOWN = 10
TYPES_SHOWN = 20

_Told = Sequence[tuple[WorkerId, Finding]]


def findings(stored: Stored, history: History, *, now: float) -> list[dict[str, Any]]:
    """Return one row for each fingerprint, the gravest first."""
    grouped: defaultdict[str, list[tuple[WorkerId, Finding]]] = defaultdict(list)
    for worker, finding in stored.findings:
        grouped[finding.fingerprint].append((worker, finding))
    known = {each.fingerprint: each for each in stored.known}
    rows = [
        _row(told, history, known.get(fingerprint), now=now)
        for fingerprint, told in grouped.items()
        if _is_listed(told, history, now)
    ]

    def order(row: dict[str, Any]) -> tuple[int, float, float, str]:
        rate = row["rate"]
        return (-GRAVITY.index(row["verdict"]), -rate["objects_per_unit"], -rate["bytes_per_unit"], row["fingerprint"])

    return sorted(rows, key=order)


def best_told(told: Iterable[Finding]) -> Finding | None:
    """Return the finding that knows most of what several workers told of one, None of none."""
    return max(told, key=lambda each: (each.holder is not None, bool(each.sites), each.last_seen), default=None)


def _is_listed(told: _Told, history: History, now: float) -> bool:
    return any(finding.judgement.verdict in ACCUSED for _, finding in history.standing(told)) or any(
        finding.last_seen >= now - LISTED_SECONDS for _, finding in told
    )


def _row(told: _Told, history: History, known: Known | None, *, now: float) -> dict[str, Any]:
    standing = history.standing(told)
    row = _merged([finding for _, finding in standing or told])
    if not row["sites"] and row["holder"] is None:  # who stands by it may be told without its evidence
        everybody = [finding for _, finding in told]
        row.update(sites=_sites(everybody), types=_types(everybody), holder=_holder(everybody))
    if not standing:
        operation = told[0][1].judgement.operation
        row["verdict"], row["reasons"] = "plateau", [well(history, operation, (worker for worker, _ in told))]
    first_seen = min([finding.first_seen for _, finding in told] + ([known.first_seen] if known else []))
    back_since = history.back_since(standing, known)
    return {
        **row,
        "first_seen": moment(first_seen),
        "new": first_seen > now - NEW_SECONDS,
        "back": back_since is not None and back_since >= now - BACK_SECONDS,
    }


def well(history: History, operation: Operation, workers: Iterable[WorkerId]) -> str:
    """Say in words why what these workers said against an operation does not count."""
    at = moment(history.well_since(operation, workers))
    return f"no worker started since {at[:10]} {at[11:16]} UTC leaves anything: mended, or not driven the same way"


def _merged(told: list[Finding]) -> dict[str, Any]:
    newest = max(told, key=lambda finding: finding.last_seen)
    gravest = max(told, key=lambda finding: (gravity(finding.judgement), finding.last_seen)).judgement
    weighted = [(finding.units_observed, finding.judgement) for finding in told]
    return {
        "fingerprint": newest.fingerprint,
        "operation": asdict(gravest.operation),
        "verdict": verdict_of(gravest),
        "reasons": list(gravest.reasons),
        "first_seen": moment(min(finding.first_seen for finding in told)),
        "last_seen": moment(newest.last_seen),
        "units_observed": sum(finding.units_observed for finding in told),
        "workers": len(told),
        "rate": {
            "objects_per_unit": mean((units, judged.objects_per_unit) for units, judged in weighted),
            "bytes_per_unit": mean((units, judged.bytes_per_unit) for units, judged in weighted),
        },
        "sites": _sites(told),
        "types": _types(told),
        "holder": _holder(told),
        "attribution": newest.attribution,
        "pattern": asdict(
            next((finding.pattern for finding in told if finding.pattern.id != "unknown"), newest.pattern)
        ),
    }


def _holder(told: list[Finding]) -> dict[str, Any] | None:
    """Return the holder that was found last, of those whose growth is known if there are any."""
    known = [(each.last_seen, each.holder) for each in told if each.holder is not None and each.holder.chain]
    _, best = max(known, key=lambda each: (each[1].growth_per_unit > 0, each[0]), default=(0.0, None))
    return asdict(best) if best is not None else None


def _sites(told: list[Finding]) -> list[dict[str, Any]]:
    merged: dict[tuple[str, int, str], dict[str, Any]] = {}
    for site in (site for finding in told for site in finding.sites):
        key = (site.file, site.line, site.function)
        row = merged.get(key)
        if row is None:
            row = merged[key] = {**asdict(site), "objects": 0, "bytes": 0}
        row["objects"] += site.objects
        row["bytes"] += site.bytes
    return sorted(merged.values(), key=lambda row: (-row["objects"], -row["bytes"]))[:SITES_SHOWN]


def _types(told: list[Finding]) -> list[dict[str, Any]]:
    counts: defaultdict[str, int] = defaultdict(int)
    for counted in (counted for finding in told for counted in finding.types):
        counts[counted.type] += counted.count
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:TYPES_SHOWN]
    return [{"type": name, "count": count} for name, count in most]
