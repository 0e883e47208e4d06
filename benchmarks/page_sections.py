"""The sections of docs/overhead.md, each from what one script has kept."""

from collections.abc import Callable, Iterator
from pathlib import Path

import charts
import page_pauses
from page_words import Result, millions, table, times

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = DOCS / "overhead"


def _servers(results: dict[str, Result]) -> Iterator[str]:
    rows = results["servers"]["rows"]
    charts.cost_by_route(rows, ("watch", "ceiling"), PICTURES / "routes.svg")
    charts.cost_by_route(rows, ("tracemalloc", "trace"), PICTURES / "tracing.svg")
    yield "## On real servers\n"
    yield (
        f"`python benchmarks/servers.py`: one worker of each variant, all of them under load at the same time, "
        f"{results['servers']['seconds']:.0f} seconds for each route after a warm-up. A figure is the worker's CPU time per "
        "request over that of the bare application in the same second and a half, the median of these with its quartiles. "
        "Throughput and latency are of the wall's clock: the same workers one at a time, in turn.\n"
    )
    yield "![CPU per request with memguard over that of the bare application](overhead/routes.svg)\n"
    yield from table(
        ("server", "heap", "route", "bare", "`watch`", "with a ceiling", "tracemalloc", "`trace`", "`trace` : tracemalloc"),
        (
            (
                row["server"], millions(row["heap"]), row["route"], f"{row['bare_us']:.0f} µs",
                *(times(row["cpu"][name]) for name in ("watch", "ceiling", "tracemalloc", "trace")),
                times(row["trace_to_tracemalloc"]),
            )
            for row in rows
        ),
    )  # fmt: skip
    yield "\nThroughput (requests of a second over the bare application's) and latency in milliseconds:\n"
    yield from table(
        ("server", "heap", "route", "throughput, `watch`", "bare p50 / p99 / p99.9", "`watch`", "p99 over bare's"),
        (
            (
                row["server"], millions(row["heap"]), row["route"], f"{1 / row['wall']['watch']['median']:.3f}",
                _latency(row["latency"]["bare"]), _latency(row["latency"]["watch"]),
                f"{row['latency']['watch']['p99'] / row['latency']['bare']['p99']:.2f}",
            )
            for row in rows if "wall" in row
        ),
    )  # fmt: skip
    yield "\n![CPU per request in trace mode and with plain tracemalloc](overhead/tracing.svg)"


def _boundary(results: dict[str, Result]) -> Iterator[str]:
    yield "## A unit between windows\n"
    yield (
        f"`python benchmarks/boundary.py`: CPU that the middleware adds to a request of an application that does nothing, "
        f"rounds of {results['boundary']['units']:,} requests in turn with the bare application in the same process."
    )
    yield (
        "`python benchmarks/instructions.py`: the same in instructions, counted by callgrind, which no other load changes.\n"
        if "instructions" in results
        else ""
    )
    rows = results["boundary"]["rows"]
    counted = results.get("instructions", {}).get("rows", {})
    yield from table(
        ("through", "added CPU per unit", "quartiles", "instructions, bare", "with memguard"),
        (
            (
                f"{name} middleware", f"{row['added_us']['median']:.1f} µs",
                f"{row['added_us']['low']:.1f} to {row['added_us']['high']:.1f} µs",
                *(f"{counted[name.lower()][each]:,}" if name.lower() in counted else "" for each in ("bare", "watch")),
            )
            for name, row in rows.items()
        ),
    )  # fmt: skip


def _window(results: dict[str, Result]) -> Iterator[str]:
    rows = results["window"]["rows"]
    charts.window_by_heap(rows, PICTURES / "window.svg")
    yield "## A window\n"
    yield (
        "`python benchmarks/window.py`: a window is opened, closed, settled and its survivors are counted, on heaps of "
        "growing size. Counting allocator blocks is the one part that grows with the heap; where it takes more than 50 µs "
        "it is done for every n-th window only, so that on average it does not.\n"
    )
    yield "![CPU of a window against the size of the heap](overhead/window.svg)\n"
    survivors = list(rows[0]["windows_us"])
    yield from table(
        ("objects on the heap", *(f"{int(number):,} survivors" for number in survivors), "counting blocks"),
        (
            (
                f"{row['heap']:,}", *(_microseconds(row["windows_us"][number]["median"]) for number in survivors),
                _microseconds(row["blocks_us"]["median"]),
            )
            for row in rows
        ),
    )  # fmt: skip


def _gc(results: dict[str, Result]) -> Iterator[str]:
    yield "## The host's garbage collector\n"
    found = {name.partition("-")[2]: each for name, each in results.items() if name.startswith("gc_neutrality")}
    any_of_them = next(iter(found.values()))
    yield (
        f"`python benchmarks/gc_neutrality.py`: {any_of_them['units']:,} units that make cyclic garbage in the young and the "
        f"old generation, on a heap of {any_of_them['heap']:,} objects; each variant in a process of its own. Figures are "
        "over those of the bare run.\n"
    )
    figures = ("full collections", "peak garbage", "longest full ms")
    yield from table(
        ("CPython", "variant", *figures),
        (
            (
                version,
                f"`{name}`" if name != "bare" else name,
                *(_beside(row[each], rows["bare"][each]) for each in figures),
            )
            for version, rows in ((version, each["rows"]) for version, each in found.items())
            for name, row in rows.items()
        ),
    )


def _detection(results: dict[str, Result]) -> Iterator[str]:
    rows = results["detection"]["rows"]
    charts.detection_by_budget(rows, PICTURES / "detection.svg")
    yield "## What the budget buys\n"
    yield (
        f"`python benchmarks/detection.py`: gunicorn (gthread) workers side by side, for {results['detection']['seconds']:.0f} "
        "seconds at most; requests of the route until it was said to leak, and after how many seconds.\n"
    )
    yield "![Requests until a leak is named against the budget](overhead/detection.svg)\n"
    yield from table(
        ("`overhead_budget`", "an object of each request", "one in 100", "100 kB of one in 1,000", "measured overhead"),
        (
            (
                f"{row['budget']:.1%}",
                *(_named(row, path) for path in ("/leak", "/rare", "/large")),
                f"{row['overhead']:.2%}",
            )
            for row in rows
        ),
    )


def _memory(results: dict[str, Result]) -> Iterator[str]:
    found = results["footprint"]
    yield "## Memory\n"
    worker = found["worker_mb"]
    yield (
        f"`python benchmarks/footprint.py`: a gunicorn worker of a small Flask application was {worker['median']:.1f} MB "
        f"larger with memguard than without, after {found['requests']} requests ({worker['rounds']} pairs, quartiles "
        f"{worker['low']:.1f} and {worker['high']:.1f}). "
        + " ".join(
            f"`{what}` took {each['ms']['median']:.0f} ms and {each['mb']['median']:.1f} MB."
            for what, each in found["imports"].items()
        )
    )
    if "own_memory" in results:
        rows = results["own_memory"]["rows"]
        charts.own_memory(rows, PICTURES / "own-memory.svg")
        first, last = rows[1], rows[-1]
        yield (
            f"\n`python benchmarks/own_memory.py`: over {last['units']:,} units that leak nothing, from the first "
            f"{first['units']:,} to the last, the process grew by {(last['rss'] - first['rss']) / 1e6:.1f} MB, "
            f"{last['objects'] - first['objects']:,} objects and {last['blocks'] - first['blocks']:,} allocator blocks.\n"
        )
        yield "![Memory of memguard itself over a million units](overhead/own-memory.svg)"


def _store(results: dict[str, Result]) -> Iterator[str]:
    found = results["store"]
    yield "## The store and the page\n"
    yield (
        f"`python benchmarks/store.py`: each worker a process that tells {found['operations']} operations and "
        f"{found['findings']} findings every second, for {found['seconds']} seconds; then a past of a week and 200 dead workers "
        "are added, and the answers are timed. Times are CPU where not said otherwise.\n"
    )
    yield from table(
        ("store", "workers", "CPU a second and worker", "a flush, median / 99 %", "report (wall)", "timeline, ten minutes", "seven days", "size"),
        (
            (
                row["store"], row["workers"], f"{row['ms_a_second']['mean']:.2f} ms",
                f"{row['flush_ms']['median']:.2f} / {row['flush_ms_p99']:.2f} ms",
                *(f"{each['cpu_ms']['median']:.0f} ms ({each['wall_ms']['median']:.0f})" for each in row["answers"].values()),
                f"{row['bytes'] / 1e6:.1f} MB" if "bytes" in row else "",
            )
            for row in found["rows"]
        ),
    )  # fmt: skip


def _others(results: dict[str, Result]) -> Iterator[str]:
    rows = results["others"]["rows"]
    charts.what_others_add(rows, PICTURES / "others.svg")
    yield "## What people use today, on the same application\n"
    yield (
        "`python benchmarks/others.py`: what each adds to a request of the JSON route, in the same run; then a route that "
        "keeps an object of each request is asked for a minute, and what each has said is looked through for the line. "
        "memray tells when the process ends, so nothing is asked of it here; docs/accuracy.md has its leak reports.\n"
    )
    yield "![CPU added to a request](overhead/others.svg)\n"
    heads, heaps = [], sorted({row["heap"] for row in rows})
    heads = [f"added, heap of {millions(heap) or 'the application'}" for heap in heaps]
    named = {(row["kind"], name): said for row in rows for name, said in row["named"].items()}
    added = {(row["kind"], name, row["heap"]): each for row in rows for name, each in row["added_us"].items()}
    subjects = dict.fromkeys((kind, name) for kind, name, _ in added if name != "bare")
    yield from table(
        ("on", "what", *heads, "the leak's line"),
        (
            (
                kind, name,
                *(_microseconds(added[kind, name, heap]["median"]) if (kind, name, heap) in added else "" for heap in heaps),
                "" if name.startswith("memray") else named.get((kind, name), ""),
            )
            for kind, name in subjects
        ),
    )  # fmt: skip


def _microseconds(value: float) -> str:
    return f"{value:,.0f} µs" if value < 10_000 else f"{value / 1000:,.0f} ms"


def _latency(each: dict[str, float]) -> str:
    return " / ".join(f"{each[name]:.2f}" for name in ("p50", "p99", "p99.9"))


def _beside(value: float, base: float) -> str:
    return f"{value:g} ({value / base:.2f})" if base else f"{value:g}"


def _named(row: Result, path: str) -> str:
    if path in row["named"]:
        return f"{row['named'][path]['units']:,} ({row['named'][path]['seconds']:.0f} s)"
    return f"not within {row['units'].get(f'GET {path}', 0):,}"


SECTIONS: dict[str, Callable[[dict[str, Result]], Iterator[str]]] = {
    "servers": _servers, "boundary": _boundary, "window": _window, "gc_neutrality": _gc, "detection": _detection,
    "footprint": _memory, "store": _store, "object_pause": page_pauses.of_objects,
    "snapshot_pause": page_pauses.of_snapshots, "others": _others,
}  # fmt: skip
