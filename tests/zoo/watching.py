"""What memguard reports while the zoo is under load: verdicts over time, and when each operation was accused."""

from dataclasses import dataclass, field
from typing import Any

from tests.zoo.truth import Truth

Report = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """What was reported of one operation.

    Attributes:
        verdicts: Each change of the verdict with its second.
        suspect_units, leak_units: Units counted when it was first suspected and first accused, None where it never was.
        leak_seconds: When it was first accused.
        units: Counted in the last report.
        finding: The gravest finding in the last report that has one with the verdict `leak`.
        reasons: Of the last verdict.
    """

    verdicts: list[tuple[float, str]] = field(default_factory=list)
    suspect_units: int | None = None
    leak_units: int | None = None
    leak_seconds: float | None = None
    units: int = 0
    finding: Report | None = None
    reasons: list[str] = field(default_factory=list)


class Watcher:
    """Takes reports in.

    Attributes:
        overhead: Seconds and the highest overhead ratio of a worker, of each report.
        overhead_before: The last ratio before anything was suspected; the last one of all where nothing ever was.
        rss_most: The largest worker in bytes.
        strays: Operations accused that are none of the zoo's.
    """

    def __init__(self, truths: tuple[Truth, ...]) -> None:
        self.seen = {truth.key: Seen() for truth in truths}
        self.overhead: list[tuple[float, float]] = []
        self.overhead_before = 0.0
        self.rss_most = 0
        self.notes: set[str] = set()
        self.strays: set[str] = set()
        self._suspected = False

    def take(self, report: Report, seconds: float) -> None:
        """Take in one report of that second."""
        for entry in report["operations"]:
            self._take_operation(entry, seconds)
        for finding in report["findings"]:
            if finding["verdict"] == "leak":
                self._take_finding(finding, seconds)
        self._suspected |= any(each["verdict"] in ("suspect", "leak") for each in report["operations"])
        for worker in report["workers"]:
            self.rss_most = max(self.rss_most, worker["rss_bytes"])
            self.notes.update(worker["notes"])
        ratio = max((worker["overhead_ratio"] for worker in report["workers"]), default=0.0)
        self.overhead.append((round(seconds, 1), ratio))
        if not self._suspected:
            self.overhead_before = ratio

    def _take_operation(self, entry: Report, seconds: float) -> None:
        seen = self.seen.get((entry["kind"], entry["name"]))
        verdict = entry["verdict"]
        if seen is None:
            if verdict == "leak":
                self.strays.add(f"{entry['kind']} {entry['name']}")
            return
        seen.units, seen.reasons = entry["units"], entry["reasons"]
        if not seen.verdicts or seen.verdicts[-1][1] != verdict:
            seen.verdicts.append((round(seconds, 1), verdict))
        if verdict in ("suspect", "leak") and seen.suspect_units is None:
            seen.suspect_units = entry["units"]
        if verdict == "leak":
            self._accused(seen, seconds)

    def _take_finding(self, finding: Report, seconds: float) -> None:
        operation = finding["operation"]
        seen = self.seen.get((operation["kind"], operation["name"]))
        if seen is None:
            self.strays.add(f"{operation['kind']} {operation['name']}")
            return
        self._accused(seen, seconds)
        seen.finding = finding if seen.finding is None else _graver(seen.finding, finding)

    @staticmethod
    def _accused(seen: Seen, seconds: float) -> None:
        if seen.leak_units is None:
            seen.leak_units, seen.leak_seconds = seen.units, round(seconds, 1)


def _graver(before: Report, now: Report) -> Report:
    # A finding is told anew in every report; of several, the one with the most evidence speaks for the operation.
    if before["fingerprint"] == now["fingerprint"] or now["units_observed"] >= before["units_observed"]:
        return now
    return before
