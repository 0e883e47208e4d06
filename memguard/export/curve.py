"""A curve of memory over time, of bounded length, drawn for a terminal and as SVG."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from memguard.units import format_bytes, format_seconds

POINTS_MOST = 2_000
MARKS_MOST = 100
_BLOCKS = " ▁▂▃▄▅▆▇█"
_Scale = Callable[[float], float]


@dataclass(slots=True)
class Curve:
    """Seconds since the start and bytes. Of a long one neighbours are merged into the higher of them.

    Attributes:
        points: Oldest first.
        marks: Seconds since the start, and what was marked then.
    """

    points: list[tuple[float, int]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    _each: int = 1
    _pending: list[tuple[float, int]] = field(default_factory=list)

    def add(self, at: float, size: int) -> None:
        """Add a reading."""
        self._pending.append((at, size))
        if len(self._pending) >= self._each:
            self.points.append(max(self._pending, key=lambda point: point[1]))
            self._pending.clear()
        if len(self.points) > POINTS_MOST:
            pairs = zip(self.points[::2], self.points[1::2], strict=False)
            self.points = [max(pair, key=lambda point: point[1]) for pair in pairs]
            self._each *= 2

    @property
    def peak(self) -> tuple[float, int]:
        """When most was used, and how much."""
        return max(self.points, key=lambda point: point[1], default=(0.0, 0))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max([at for at, _ in self.points] + [at for at, _ in self.marks], default=0.0)


def columns(curve: Curve, width: int) -> list[int]:
    """Return the highest reading of each of so many equal parts of the time; where there is none, the one before."""
    highest = [0] * width
    length = curve.seconds or 1.0
    for at, size in curve.points:
        column = min(width - 1, int(at / length * width))
        highest[column] = max(highest[column], size)
    for column in range(1, width):
        highest[column] = highest[column] or highest[column - 1]
    return highest


def as_text(curve: Curve, *, width: int = 72, height: int = 10) -> str:
    """Return the curve for a terminal of so many columns; marks are numbered below it."""
    if not curve.points:
        return ""
    most = curve.peak[1] or 1
    room = max(10, width - 10)
    levels = [size / most * height for size in columns(curve, room)]
    lines = []
    for row in range(height, 0, -1):
        label = format_bytes(most * row / height) if row in {height, height // 2} else ""
        drawn = "".join(_BLOCKS[round(8 * min(1.0, max(0.0, level - row + 1)))] for level in levels)
        lines.append(f"{label:>8} │{drawn}".rstrip())
    lines.append(f"{'0':>8} └{'─' * room}")
    below = [" "] * room
    for number, (at, _) in enumerate(curve.marks[:9], 1):
        below[min(room - 1, int(at / (curve.seconds or 1.0) * room))] = str(number)
    end = format_seconds(curve.seconds)
    lines.append(f"{'':>8}  {''.join(below).rstrip() or ' ' * (room - len(end)) + end}")
    lines += [f"{'':>8}  {number} {text} ({at:.1f} s)" for number, (at, text) in enumerate(curve.marks[:9], 1)]
    return "\n".join(lines) + "\n"


_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:15px;font-weight:600}.g{stroke:#ddd}.m{stroke:#b45309;"
    "stroke-dasharray:3 3}.a{fill:#3b82f6;fill-opacity:.2}.l{fill:none;stroke:#2563eb;stroke-width:1.5}.p{fill:#dc2626}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#111}.g{stroke:#444}}.b{fill:#fff}"
)


def as_svg(curve: Curve, title: str) -> str:
    """Return the curve as a picture that needs nothing else."""
    width, height, left, top, right, bottom = 960, 420, 80, 50, 20, 60
    peak_at, most = curve.peak
    length = curve.seconds or 1.0

    def x(at: float) -> float:
        return round(left + at / length * (width - left - right), 1)

    def y(size: float) -> float:
        return round(height - bottom - size / (most or 1) * (height - top - bottom), 1)

    line = " ".join(f"{x(at)},{y(size)}" for at, size in curve.points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style><rect class='b' width='100%' height='100%'/>",
        f'<text class="t" x="{left}" y="24">{escape(title)}</text>',
        *_grid(most, length, x, y, left=left, right=width - right, bottom=height - bottom),
        f'<polygon class="a" points="{x(0)},{y(0)} {line} {x(curve.points[-1][0] if curve.points else 0)},{y(0)}"/>',
        f'<polyline class="l" points="{line}"/>',
        f'<circle class="p" cx="{x(peak_at)}" cy="{y(most)}" r="4"/>',
        f'<text x="{min(x(peak_at) + 8, width - 110)}" y="{y(most) - 6}">{format_bytes(most)}</text>',
        *_marks(curve.marks[:MARKS_MOST], x, top, height - bottom),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _grid(most: int, length: float, x: _Scale, y: _Scale, *, left: int, right: int, bottom: int) -> Iterable[str]:
    for quarter in range(5):
        size, at = most * quarter / 4, length * quarter / 4
        yield f'<line class="g" x1="{left}" x2="{right}" y1="{y(size)}" y2="{y(size)}"/>'
        yield f'<text x="{left - 8}" y="{y(size) + 4}" text-anchor="end">{format_bytes(size)}</text>'
        yield f'<text x="{x(at)}" y="{bottom + 18}" text-anchor="middle">{at:.1f} s</text>'


def _marks(marks: Sequence[tuple[float, str]], x: _Scale, top: int, bottom: int) -> Iterable[str]:
    for number, (at, text) in enumerate(marks):
        where = x(at)
        yield f'<line class="m" x1="{where}" x2="{where}" y1="{top}" y2="{bottom}"/>'
        yield f'<text x="{where + 4}" y="{top + 12 + number % 3 * 14}">{escape(text)}</text>'
