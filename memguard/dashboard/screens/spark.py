"""A worker's RSS as two small drawings: where it has been over the last minutes, and how far it is from its ceilings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.instruments.own import FAT
from memguard.units import format_bytes

SECONDS = 600.0
"""What the whole width stands for at most: a young worker's line is short, and a dead one's ends before the edge."""
WIDTH, HEIGHT, MARGIN = 160, 36, 3
BAR_WIDTH, BAR_HEIGHT = 160, 6
STEPS = 80
FLAT_SHARE = 0.05
"""RSS that moves by less than this share is drawn as nearly flat, so that noise does not look like a mountain."""
NEAR_SHARE = 0.25
"""A ceiling this near to the line is drawn with it; one farther away would only press the line flat."""

Point = tuple[float, int]
"""A moment, and the RSS at it in bytes."""
Points = Mapping[tuple[str, int, str], Sequence[Point]]
"""RSS of the last minutes, by the worker's host, pid and `started_at` in the report."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker's RSS is seen against, in bytes; None for what there is not."""

    floor: int | None = None
    soft: int | None = None
    hard: int | None = None

    @classmethod
    def of(cls, worker: Mapping[str, Any]) -> "Limits":
        """Return those of a worker of the report, as they stand to its RSS."""
        floor = worker["rss_floor_bytes"] or None
        soft, hard = worker["ceiling_bytes"], worker["hard_ceiling_bytes"]
        # Where a worker was forked with nearly all that it may have, what it has added since is what counts.
        lowest = min((each for each in (soft, hard) if each is not None), default=0)
        beside = floor if floor is not None and floor >= FAT * lowest else 0
        return cls(floor, soft and soft + beside, hard and hard + beside)

    @property
    def known(self) -> list[tuple[str, int]]:
        """Name and bytes of each that there is."""
        pairs = (("floor", self.floor), ("soft", self.soft), ("hard", self.hard))
        return [(name, size) for name, size in pairs if size is not None]

    @property
    def words(self) -> str:
        """What they are, as the end of a sentence."""
        told = {"floor": "floor at fork", "soft": "ceiling", "hard": "hard ceiling"}
        return "".join(f", {told[name]} {format_bytes(size)}" for name, size in self.known)


def sparkline(points: Sequence[Point], *, now: float, limits: Limits, seconds: float = SECONDS) -> Html | None:
    """Return the line of so many seconds up to this moment, its range in words; None where there are too few points."""
    if len(points) < 2:
        return None
    values = [value for _, value in points]
    low, high = min(values), max(values)
    near = [(name, size) for name, size in limits.known if low * (1 - NEAR_SHARE) <= size <= high * (1 + NEAR_SHARE)]
    bottom, top = min([low, *(size for _, size in near)]), max([high, *(size for _, size in near)])
    middle, span = (bottom + top) / 2, max(top - bottom, top * FLAT_SHARE, 1)

    def across(at: float) -> float:
        return min(max(0.0, 1 - (now - at) / seconds), 1.0) * WIDTH

    def up(size: float) -> float:
        return HEIGHT / 2 - (size - middle) / span * (HEIGHT - 2 * MARGIN)

    thinned = [*points[:: max(1, len(points) // STEPS)], points[-1]]
    drawn = [(across(at), up(size)) for at, size in thinned]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    area = f"{drawn[0][0]:.1f},{HEIGHT} {line} {drawn[-1][0]:.1f},{HEIGHT}"
    rules = [
        tag("line", x1=0, x2=WIDTH, y1=f"{up(size):.1f}", y2=f"{up(size):.1f}", class_=f"limit {name}")
        for name, size in near
    ]
    # A line of no length with a round cap is a dot that keeps its shape while the picture is stretched.
    x, y = (f"{each:.1f}" for each in drawn[-1])
    words = f"RSS from {format_bytes(values[0])} to {format_bytes(values[-1])}, at most {format_bytes(high)}"
    return tag(
        "svg",
        tag("title", words, limits.words),
        tag("polygon", points=area), joined(rules), tag("polyline", points=line),
        tag("line", x1=x, x2=x, y1=y, y2=y, class_="dot"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img", class_="sparkline",
    )  # fmt: skip


def meter(rss: int, limits: Limits) -> Html | None:
    """Return a bar of the RSS on the way to its highest ceiling, its floor darker; None without a ceiling."""
    ceilings = [(name, size) for name, size in limits.known if name != "floor"]
    if not ceilings:
        return None
    top = max([rss, *(size for _, size in ceilings)]) * 1.04

    def across(size: int) -> str:
        return f"{size / top * BAR_WIDTH:.1f}"

    state = " over" if any(rss > size for _, size in ceilings) else ""
    ticks = [
        tag("line", x1=across(size), x2=across(size), y1=0, y2=BAR_HEIGHT, class_=f"limit {name}")
        for name, size in ceilings
    ]
    floor = (
        tag("rect", width=across(min(limits.floor, rss)), height=BAR_HEIGHT, class_="floor") if limits.floor else None
    )
    return tag(
        "svg",
        tag("title", f"RSS {format_bytes(rss)}", limits.words),
        tag("rect", width=BAR_WIDTH, height=BAR_HEIGHT, class_="rail"),
        tag("rect", width=across(rss), height=BAR_HEIGHT, class_=f"fill{state}"),
        floor, joined(ticks),
        viewBox=f"0 0 {BAR_WIDTH} {BAR_HEIGHT}", preserveAspectRatio="none", role="img", class_="meter",
    )  # fmt: skip
