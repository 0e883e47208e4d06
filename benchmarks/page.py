"""Write docs/overhead.md and its pictures from what the benchmarks have kept in `benchmarks/results`.

    python benchmarks/page.py

Each section is of one script's last run. A section whose script has not run is left out, and said so at the end.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import charts
from page_words import CLOSING, INTRODUCTION, Target, table, times
from rounds import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = DOCS / "overhead"
OF_A_REQUEST = ("json", "template", "orm")

Result = dict[str, Any]


def main() -> None:
    """Write the page."""
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    if not results:
        sys.exit(f"nothing is in {RESULTS.name}/: run `nox -s bench` first")
    PICTURES.mkdir(exist_ok=True)
    (DOCS / "overhead.md").write_text("\n".join(_lines(results)) + "\n", encoding="utf-8")


def _lines(results: dict[str, Result]) -> Iterator[str]:
    yield INTRODUCTION
    yield from _machine(results)
    yield "## Targets\n"
    targets = [target for name, judge in TARGETS.items() if name in results for target in judge(results)]
    rows = ((each.what, each.wanted, each.got, "reached" if each.reached else "**missed**") for each in targets)
    yield from table(("target", "wanted", "got", ""), rows)
    missing = []
    for name, section in SECTIONS.items():
        if any(found.startswith(name) for found in results):
            yield ""
            yield from section(results)
        else:
            missing.append(name)
    if missing:
        yield f"\nNot run for this page: {', '.join(missing)}."
    yield CLOSING


def _machine(results: dict[str, Result]) -> Iterator[str]:
    machine = next(iter(results.values()))["machine"]
    versions = {name: found for each in results.values() for name, found in each["machine"]["versions"].items()}
    loads = [each["machine"]["load"] for each in results.values()]
    yield (
        f"This page: {machine['processor']}, {machine['cores']} cores, {machine['system']}, CPython {machine['python']}, "
        f"{max(each['machine']['at'] for each in results.values())}; load as each script ended {min(loads)} to {max(loads)}, "
        f"its own included. {', '.join(f'{name} {found}' for name, found in sorted(versions.items()))}.\n"
    )


def _servers(results: dict[str, Result]) -> Iterator[str]:
    rows = results["servers"]["rows"]
    charts.cost_by_route(rows, PICTURES / "routes.svg")
    charts.cost_of_tracing(rows, PICTURES / "tracing.svg")
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
                row["server"], _millions(row["heap"]), row["route"], f"{row['bare_us']:.0f} µs",
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
                row["server"], _millions(row["heap"]), row["route"], f"{1 / row['wall']['watch']['median']:.3f}",
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
    heads = [f"added, heap of {_millions(heap) or 'the application'}" for heap in heaps]
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


def _object_pause(results: dict[str, Result]) -> Iterator[str]:
    found = results["object_pause"]
    yield "## Looking into objects\n"
    yield (
        f"`python benchmarks/object_pause.py`: on a heap of {_millions(found['objects'])} objects, the longest time in which "
        "another thread did not get its turn, and how much of it the process itself was at work.\n"
    )
    yield from table(
        ("what", "longest pause", "of it at work", "in all"),
        (
            (name, f"{row['gap_ms']:.0f} ms", f"{row['work_ms']:.0f} ms", f"{row['seconds']:.1f} s")
            for name, row in found["rows"].items()
        ),
    )


def _targets_of_servers(results: dict[str, Result]) -> Iterator[Target]:
    rows = results["servers"]["rows"]
    for routes, least in ((OF_A_REQUEST, 0.99), (("trivial",), 0.98)):
        chosen = [row for row in rows if row["route"] in routes]
        shares = [(1 / row["cpu"]["watch"]["median"], row) for row in chosen]
        yield Target.least(
            f"throughput in `watch` by CPU, {', '.join(routes)}: the least of {len(shares)}", least, shares
        )
    latencies = [
        (row["latency"]["watch"]["p99"] / row["latency"]["bare"]["p99"], row) for row in rows if "latency" in row
    ]
    yield Target.most(f"p99 in `watch` over bare's: the most of {len(latencies)}", 1.05, latencies)
    traced = [(row["trace_to_tracemalloc"]["median"], row) for row in rows]
    yield Target.most(f"`trace` over plain tracemalloc: the most of {len(traced)}", 1.15, traced)


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
                yield Target.within(f"{figure}, `{mode}`, {name.partition('-')[2]}", 0.1, ratio)


def _targets_of_memory(results: dict[str, Result]) -> Iterator[Target]:
    yield Target.most("MB a worker", 6.0, [(results["footprint"]["worker_mb"]["median"], {})])


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
    yield Target.least(f"a recipe's request over one that memguard measures, {_millions(heap)}", 100.0, recipes)


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
    "others": _targets_of_others,
}
SECTIONS: dict[str, Callable[[dict[str, Result]], Iterator[str]]] = {
    "servers": _servers, "boundary": _boundary, "window": _window, "gc_neutrality": _gc, "detection": _detection,
    "footprint": _memory, "store": _store, "object_pause": _object_pause, "others": _others,
}  # fmt: skip


def _millions(objects: int) -> str:
    return f"{objects / 1e6:g} million" if objects else ""


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


if __name__ == "__main__":
    main()
