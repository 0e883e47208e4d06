"""The pictures of docs/overhead.md, drawn with matplotlib as SVG from what `benchmarks/results` holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("svg")
# The same figures give the same file: no random ids, no date.
mpl.rcParams.update({"svg.hashsalt": "memguard", "svg.fonttype": "none", "font.size": 10, "axes.grid": True})
mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "grid.color": "#dddddd"})
COLORS = {"watch": "#1a7f5a", "ceiling": "#3b6fb6", "trace": "#c2571a", "tracemalloc": "#888888", "bare": "#444444"}
MILLION = 1e6

Row = dict[str, Any]


def cost_by_route(rows: Sequence[Row], variants: tuple[str, str], to: Path) -> None:
    """Draw CPU per request over that of the bare application, of two variants for each server and route."""
    figure, axes = _figure(0.42 * len(rows) + 1.2)
    for place, row in enumerate(rows):
        for shift, name in zip((-0.15, 0.15), variants, strict=True):
            _whisker(axes, row["cpu"][name], place + shift, COLORS[name], name if not place else "")
    axes.axvline(1.0, color=COLORS["bare"], linewidth=1)
    axes.set_yticks(range(len(rows)), [f"{row['server']}, {row['route']}{_of_heap(row['heap'])}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("CPU per request, bare = 1 (median and quartiles of the rounds)")
    axes.legend(loc="lower right")
    _save(figure, to)


def window_by_heap(rows: Sequence[Row], to: Path) -> None:
    """Draw what a window costs against the size of the heap, for some numbers of survivors."""
    figure, axes = _figure(3.6)
    for survivors in rows[0]["windows_us"]:
        heaps = [row["heap"] for row in rows]
        axes.plot(heaps, [row["windows_us"][survivors]["median"] for row in rows], "o-", label=f"{int(survivors):,}")
    axes.set(xscale="log", yscale="log", xlabel="objects on the heap", ylabel="µs of CPU a window")
    axes.legend(title="survivors", loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, to)


def detection_by_budget(rows: Sequence[Row], to: Path) -> None:
    """Draw how many units a leak took to be named, against the budget."""
    figure, axes = _figure(3.6)
    for path, label in (
        ("/leak", "an object of each request"),
        ("/rare", "one in 100"),
        ("/large", "100 kB of one in 1,000"),
    ):
        named = [(100 * row["budget"], row["named"][path]["units"]) for row in rows if path in row["named"]]
        if named:
            axes.plot(*zip(*named, strict=True), "o-", label=label)
    axes.set(xscale="log", yscale="log", xlabel="overhead_budget, %", ylabel="requests until it was named")
    axes.set_xticks([100 * row["budget"] for row in rows], [f"{100 * row['budget']:g}" for row in rows])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, to)


def what_others_add(rows: Sequence[Row], to: Path) -> None:
    """Draw the CPU that each of the others, and memguard, adds to a request, on a small and a large heap."""
    names = sorted(
        {(row["kind"], name) for row in rows for name in row["added_us"] if name != "bare"},
        key=lambda each: max(row["added_us"].get(each[1], {"median": 0})["median"] for row in rows),
    )
    figure, axes = _figure(0.34 * len(names) + 1.2)
    heaps = sorted({row["heap"] for row in rows})
    for heap, color in zip(heaps, ("#3b6fb6", "#c2571a"), strict=False):
        found = {
            (row["kind"], name): row["added_us"][name]
            for row in rows
            if row["heap"] == heap
            for name in row["added_us"]
        }
        values = [max(1.0, found[name]["median"]) if name in found else 0 for name in names]
        axes.scatter(
            values, range(len(names)), color=color, label=f"heap{_of_heap(heap) or ' of the application alone'}"
        )
    axes.set_yticks(range(len(names)), [f"{name} ({kind.split()[-1]})" for kind, name in names])
    axes.set(xscale="log", xlabel="µs of CPU added to each request (log)")
    axes.legend(loc="lower right")
    _save(figure, to)


def own_memory(rows: Sequence[Row], to: Path) -> None:
    """Draw RSS and objects of a process over a million units."""
    figure, axes = _figure(2.8)
    units = [row["units"] / MILLION for row in rows]
    axes.plot(units, [row["rss"] / MILLION for row in rows], "o-", color=COLORS["watch"], label="RSS, MB")
    axes.plot(units, [row["objects"] / 1000 for row in rows], "s-", color=COLORS["ceiling"], label="objects, thousands")
    axes.set(xlabel="units, millions", ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, to)


def _whisker(axes: Axes, each: dict[str, float], place: float, color: str, label: str) -> None:
    axes.plot([each["low"], each["high"]], [place, place], color=color, linewidth=2)
    axes.plot([each["median"]], [place], "o", color=color, label=label or None)


def _of_heap(objects: int) -> str:
    return f" + {objects / MILLION:g} million objects" if objects else ""


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, height), layout="constrained", facecolor="white")
    return figure, figure.subplots()


def _save(figure: Figure, to: Path) -> None:
    figure.savefig(to, format="svg", metadata={"Date": None, "Creator": None})
