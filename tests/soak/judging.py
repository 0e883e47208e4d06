"""What a soak has to show, and whether it did."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.reports import Report

SUSPECT_SECONDS_MOST = 60.0
GROWTH_MOST, GROWTH_BYTES_MOST = 0.25, 200_000
"""Of memguard's own memory, from the second quarter of a process's course to the last: its books fill in the first."""
PROBES_LEAST = 8


@dataclass
class Course:
    """What was reported of one application, and what the probes in its processes wrote.

    Attributes:
        accused: Operations that were called a leak, with the reasons.
        suspected: Since when an operation has been suspected without a break, by its name.
        own: Types of memguard's own objects that a window took for survivors.
        memory: Bytes that memguard kept, by process, in order of time.
        parts: The latest of them by part, of the largest process.
    """

    app: str
    accused: dict[str, str] = field(default_factory=dict)
    suspected: dict[str, float] = field(default_factory=dict)
    lasting: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    overhead: float = 0.0
    own: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    memory: dict[str, list[int]] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)

    def take(self, report: Report, seconds: float) -> None:
        """Take in one report of that second."""
        for entry in report["operations"]:
            name, verdict, reasons = entry["name"], entry["verdict"], "; ".join(entry["reasons"])
            self.verdicts[name] = verdict
            if verdict == "leak":
                self.accused.setdefault(name, reasons)
            if verdict != "suspect":
                self.suspected.pop(name, None)
            elif seconds - self.suspected.setdefault(name, seconds) > SUSPECT_SECONDS_MOST:
                self.lasting[name] = reasons
        for finding in report["findings"]:
            self.accused.setdefault(finding["operation"]["name"], json.dumps(finding))
        for worker in report["workers"]:
            self.notes.update(worker["notes"])
            self.overhead = worker["overhead_ratio"]

    def read_probes(self, place: Path) -> None:
        """Read what the probes have written there."""
        for path in sorted(place.glob("*.jsonl")):
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                if "own" in entry:
                    self.compared += 1
                    self.own.update(entry["own"])
                elif entry["bytes"]:
                    total = sum(entry["bytes"].values())
                    if total >= max((each[-1] for each in self.memory.values()), default=0):
                        self.parts = entry["bytes"]
                    self.memory.setdefault(path.stem, []).append(total)

    def summary(self, sent: int) -> str:
        """Return what there is to tell in some lines."""
        memory = {pid: [sizes[0], sizes[len(sizes) // 2], sizes[-1]] for pid, sizes in self.memory.items()}
        return (
            f"{self.app}: {sent} units sent; {self.verdicts}; overhead {self.overhead:.2%}\n"
            f"  memguard's own bytes, first, in the middle, last: {memory}\n  of which {self.parts}\n"
            f"  {self.compared} windows compared: own objects among the survivors {dict(self.own)}; notes {self.notes}"
        )


def troubles_of(course: Course) -> list[str]:
    """Return what should not have been."""
    troubles = [f"{course.app}: {name} was accused: {why}" for name, why in course.accused.items()]
    troubles += [f"{course.app}: {name} stays suspected: {why}" for name, why in course.lasting.items()]
    if course.own:
        troubles.append(f"{course.app}: memguard's own objects among the survivors: {dict(course.own)}")
    if not course.compared or not course.memory:
        troubles.append(f"{course.app}: the probes saw nothing")
    for pid, sizes in course.memory.items():
        if len(sizes) >= PROBES_LEAST:
            quarter = len(sizes) // 4
            before, last = max(sizes[quarter : 2 * quarter]), max(sizes[-quarter:])
            if last > before * (1 + GROWTH_MOST) + GROWTH_BYTES_MOST:
                troubles.append(f"{course.app}: memguard in process {pid} grows: {sizes}; {course.parts}")
    return troubles
