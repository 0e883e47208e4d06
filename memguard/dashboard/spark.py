"""A worker's RSS over the last minutes as a small line."""

from collections.abc import Sequence

from memguard.dashboard.markup import Html, tag
from memguard.units import format_bytes

SECONDS = 600.0
"""What the whole width stands for: a young worker's line is short."""
WIDTH, HEIGHT = 120, 24
STEPS = 60
FLAT_SHARE = 0.02
"""RSS that moves by less than this share is drawn as nearly flat, so that noise does not look like a mountain."""

Point = tuple[float, int]
"""A moment, and the RSS at it in bytes."""


def sparkline(points: Sequence[Point]) -> Html | str:
    """Return the line, with its range in words; nothing where there are too few points."""
    if len(points) < 2:
        return ""
    values = [value for _, value in points]
    low, high = min(values), max(values)
    last = points[-1][0]
    middle, span = (low + high) / 2, max(high - low, high * FLAT_SHARE, 1)
    steps = max(1, len(points) // STEPS)
    thinned = [*points[::steps], points[-1]]
    drawn = " ".join(
        f"{max(0.0, 1 - (last - at) / SECONDS) * WIDTH:.1f},{HEIGHT / 2 - (value - middle) / span * (HEIGHT - 4):.1f}"
        for at, value in thinned
    )
    words = f"RSS from {format_bytes(values[0])} to {format_bytes(values[-1])}, at most {format_bytes(high)}"
    line = tag("polyline", points=drawn)
    return tag(
        "svg", tag("title", words), line, viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img",
        class_="sparkline",
    )  # fmt: skip
