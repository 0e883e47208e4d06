"""What was wanted of each benchmark, and what came of it."""

from collections.abc import Callable, Iterator

from page_words import Result, Target, millions

OF_A_REQUEST = ("json", "template", "orm")
WHY_WATCH = (
    "**`watch` on a server**: what memguard does for a request takes several times as long as in a loop, in a worker that has "
    "other things in the processor's caches; the keeper's rounds come on top, spread over as many requests as there are, and five "
    "workers share the machine here. On the large heap the first look at all of it falls into the rounds of one route, whose "
    "ratio is then of the look."
)
WHY_TRACE = (
    "**`trace` over plain tracemalloc**: whatever memguard allocates is traced as well. Some thirty-five allocations of a unit's "
    "boundary are half of what a trivial request allocates; the records and the `Server-Timing` header are about as much again, "
    "windows a tenth of the time ([what profiling taught](how-it-works.md#what-profiling-taught))."
)
WHY_MEMORY = (
    "**MB a worker**: most of it is code that is loaded, memguard's own, psutil's and sqlite3's. What few workers need (the page, "
    "other servers, alerts, looks into objects) is loaded when it is needed."
)
WHY_GARBAGE = (
    "**The collector in `trace`**: each window makes old what is in flight at its edges, and what of that becomes garbage waits "
    "for a full collection. Windows take a tenth of the time for that reason."
)


def _targets_of_servers(results: dict[str, Result]) -> Iterator[Target]:
    rows = results["servers"]["rows"]
    for routes, least in ((OF_A_REQUEST, 0.99), (("trivial",), 0.98)):
        chosen = [row for row in rows if row["route"] in routes]
        shares = [(1 / row["cpu"]["watch"]["median"], row) for row in chosen]
        yield Target.least(
            f"throughput in `watch` by CPU, {', '.join(routes)}: the least of {len(shares)}", least, shares, WHY_WATCH
        )
    latencies = [
        (row["latency"]["watch"]["p99"] / row["latency"]["bare"]["p99"], row) for row in rows if "latency" in row
    ]
    yield Target.most(f"p99 in `watch` over bare's: the most of {len(latencies)}", 1.05, latencies, WHY_WATCH)
    traced = [(row["trace_to_tracemalloc"]["median"], row) for row in rows]
    yield Target.most(f"`trace` over plain tracemalloc: the most of {len(traced)}", 1.15, traced, WHY_TRACE)


def _targets_of_boundary(results: dict[str, Result]) -> Iterator[Target]:
    added = [(row["added_us"]["median"], {"route": name}) for name, row in results["boundary"]["rows"].items()]
    yield Target.most("a unit between windows, µs", 5.0, added)


def _targets_of_window(results: dict[str, Result]) -> Iterator[Target]:
    rows = results["window"]["rows"]
    first, last = rows[0], rows[-1]
    grown = last["windows_us"]["0"]["median"] / first["windows_us"]["0"]["median"]
    yield Target.most(f"a window on {last['heap']:,} objects over one on {first['heap']:,}", 1.2, [(grown, {})])
    each = [
        ((row["windows_us"][number]["median"] - row["windows_us"]["0"]["median"]) / int(number), row)
        for row in rows for number in row["windows_us"] if int(number) >= 1000
    ]  # fmt: skip
    yield Target.most("µs a survivor", 3.0, each)


def _targets_of_gc(results: dict[str, Result]) -> Iterator[Target]:
    for name in [name for name in results if name.startswith("gc_neutrality")]:
        rows = results[name]["rows"]
        for mode in ("watch", "trace"):
            for figure in ("full collections", "peak garbage"):
                ratio = rows[mode][figure] / (rows["bare"][figure] or 1)
                why = WHY_GARBAGE if mode == "trace" else ""
                yield Target.within(f"{figure}, `{mode}`, {name.partition('-')[2]}", 0.1, ratio, why)


def _targets_of_memory(results: dict[str, Result]) -> Iterator[Target]:
    yield Target.most("MB a worker", 6.0, [(results["footprint"]["worker_mb"]["median"], {})], WHY_MEMORY)


def _targets_of_store(results: dict[str, Result]) -> Iterator[Target]:
    rows = [row for row in results["store"]["rows"] if row["store"] == "file"]
    each = [(row["ms_a_second"]["mean"], {"route": f"{row['workers']} workers"}) for row in rows]
    yield Target.most("store: CPU ms a second and worker", 1.0, each)
    answers = [(row["answers"]["report"]["wall_ms"]["median"], {"route": f"{row['workers']} workers"}) for row in rows]
    yield Target.most("store: ms until the report is there", 100.0, answers)


def _targets_of_pauses(results: dict[str, Result]) -> Iterator[Target]:
    rows = results["object_pause"]["rows"].items()
    each = [(row["gap_ms"], {"route": name}) for name, row in rows if not name.startswith("Python")]
    yield Target.most("looking into objects: ms that other threads stand still", 250.0, each)


def _targets_of_snapshots(results: dict[str, Result]) -> Iterator[Target]:
    ratio = results["snapshot_pause"]["ratio"]["median"]
    yield Target.most("a worker's snapshot: its longest pause over that of plain `take_snapshot`", 1.0, [(ratio, {})])


def _targets_of_others(results: dict[str, Result]) -> Iterator[Target]:
    if "window" not in results:
        return
    heap = max(row["heap"] for row in results["others"]["rows"])
    windows = min(results["window"]["rows"], key=lambda row: abs(row["heap"] - heap))
    own = windows["windows_us"]["10"]["median"]
    recipes = [
        (each["median"] / own, {"route": name})
        for row in results["others"]["rows"] if row["heap"] == heap
        for name, each in row["added_us"].items() if name in RECIPES
    ]  # fmt: skip
    yield Target.least(f"a recipe's request over one that memguard measures, {millions(heap)}", 100.0, recipes)


RECIPES = ("tracemalloc diff", "gc.collect + count", "objgraph.growth", "pympler summary", "api_memory_watch")
"""Those that look at the heap at each request. Reading RSS costs little and tells little: no line, no type."""
TARGETS: dict[str, Callable[[dict[str, Result]], Iterator[Target]]] = {
    "servers": _targets_of_servers,
    "boundary": _targets_of_boundary,
    "window": _targets_of_window,
    "gc_neutrality-3.11": _targets_of_gc,
    "footprint": _targets_of_memory,
    "store": _targets_of_store,
    "object_pause": _targets_of_pauses,
    "snapshot_pause": _targets_of_snapshots,
    "others": _targets_of_others,
}
