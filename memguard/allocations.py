"""Allocations that are alive, by the calls that made them: what a snapshot of tracemalloc comes down to. Plain data."""

import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import Literal

FORMAT, VERSION = "memguard-allocations", 2
GROUPS_MOST = 20_000
FILE_BYTES_MOST = 256_000_000
By = Literal["line", "file", "traceback"]
Frames = tuple[tuple[str, int], ...]


class WrongSnapshotError(Exception):
    """A file is no snapshot that this version can read; the message says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """Allocations of the same calls.

    Attributes:
        frames: `(file, line)` of each call, innermost first; empty for the many small groups that were put together.
        bytes, count: What is alive of it; a difference may be negative.
        domain: tracemalloc's number of who allocated: 0 is Python itself, others are extensions'.
    """

    frames: Frames
    bytes: int
    count: int
    domain: int = 0


@dataclass(frozen=True, slots=True)
class Allocations:
    """One snapshot, or the difference between two; most bytes first."""

    at: float
    groups: tuple[Group, ...]

    @property
    def bytes(self) -> int:
        """All bytes."""
        return sum(group.bytes for group in self.groups)

    @property
    def count(self) -> int:
        """All allocations."""
        return sum(group.count for group in self.groups)


def bounded(at: float, groups: Iterable[Group], most: int = GROUPS_MOST) -> Allocations:
    """Return a snapshot with so many groups at most; the smallest are put together into one without frames."""
    ranked = sorted(groups, key=lambda group: -abs(group.bytes))
    rest = ranked[most:]
    if rest:
        ranked[most:] = [Group((), sum(group.bytes for group in rest), sum(group.count for group in rest))]
    return Allocations(at, tuple(ranked))


def difference(before: Allocations, after: Allocations) -> Allocations:
    """Return what came between two snapshots, in one pass over each; what has not changed is left out."""
    sums: defaultdict[tuple[Frames, int], list[int]] = defaultdict(lambda: [0, 0])
    for sign, taken in ((1, after), (-1, before)):
        for group in taken.groups:
            known = sums[group.frames, group.domain]
            known[0] += sign * group.bytes
            known[1] += sign * group.count
    changed = (Group(frames, size, count, domain) for (frames, domain), (size, count) in sums.items() if size or count)
    return bounded(after.at, changed)


def chosen(
    taken: Allocations, *, include: Iterable[str] = (), exclude: Iterable[str] = (), domain: int | None = None
) -> Allocations:
    """Return the groups whose innermost call is in a file of these, and not of those; shell wildcards, any directory."""
    wanted, unwanted = tuple(include), tuple(exclude)

    def is_chosen(group: Group) -> bool:
        file = group.frames[0][0] if group.frames else ""
        is_in = not wanted or any(fnmatchcase(file, pattern) for pattern in wanted)
        return is_in and not any(fnmatchcase(file, pattern) for pattern in unwanted)

    kept = (group for group in taken.groups if is_chosen(group) and (domain is None or group.domain == domain))
    return Allocations(taken.at, tuple(kept))


def grouped(taken: Allocations, by: By) -> Allocations:
    """Return the groups put together by their innermost line, by its file, or as they are."""
    keys: dict[By, Callable[[Frames], Frames]] = {
        "line": lambda frames: frames[:1],
        "file": lambda frames: ((frames[0][0], 0),) if frames else (),
        "traceback": lambda frames: frames,
    }
    sums: defaultdict[Frames, list[int]] = defaultdict(lambda: [0, 0])
    for group in taken.groups:
        known = sums[keys[by](group.frames)]
        known[0] += group.bytes
        known[1] += group.count
    return bounded(taken.at, (Group(frames, size, count) for frames, (size, count) in sums.items()))


def packed(taken: Allocations) -> bytes:
    """Return a snapshot as a file has it: compressed; each file's name and each call is written once."""
    files: dict[str, int] = {}
    calls: dict[tuple[str, int], int] = {}
    rows = []
    for group in taken.groups:
        numbers = [calls.setdefault(each, len(calls)) for each in group.frames]
        rows.append([group.bytes, group.count, group.domain, *numbers])
    told_calls = [(files.setdefault(file, len(files)), line) for file, line in calls]
    told = {
        "format": FORMAT, "version": VERSION, "at": taken.at, "files": list(files), "calls": told_calls, "groups": rows,
    }  # fmt: skip
    return gzip.compress(json.dumps(told, separators=(",", ":")).encode(), mtime=0)


def unpacked(body: bytes) -> Allocations:
    """Return the snapshot of what a file has; raise WrongSnapshotError for anything else, or of a later version."""
    try:
        with gzip.open(BytesIO(body), "rb") as file:
            text = file.read(FILE_BYTES_MOST + 1)
        if len(text) > FILE_BYTES_MOST:
            raise WrongSnapshotError("it is larger than any snapshot that memguard writes")
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise WrongSnapshotError("it is no snapshot of memguard's")
        if told["version"] != VERSION:
            raise WrongSnapshotError(f"it is of version {told['version']}, and this memguard reads version {VERSION}")
        files = [str(each) for each in told["files"]]
        calls = [(files[file], int(line)) for file, line in told["calls"]]
        groups = [
            Group(tuple(map(calls.__getitem__, row[3:])), int(row[0]), int(row[1]), int(row[2]))
            for row in told["groups"]
        ]
        return Allocations(float(told["at"]), tuple(groups))
    except (gzip.BadGzipFile, EOFError, ValueError, KeyError, IndexError, TypeError, zlib.error):
        raise WrongSnapshotError("it is no snapshot of memguard's") from None


def write(taken: Allocations, path: Path) -> None:
    """Write a snapshot into a file."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(packed(taken))
    partial.replace(path)


def read(path: Path) -> Allocations:
    """Return the snapshot of a file; raise OSError where it cannot be read, else what `unpacked` raises."""
    with path.open("rb") as file:
        return unpacked(file.read(FILE_BYTES_MOST))
