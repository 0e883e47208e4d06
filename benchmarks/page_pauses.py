"""The sections of docs/overhead.md on how long other threads stand still."""

from collections.abc import Iterator

from page_words import Result, millions, table


def of_objects(results: dict[str, Result]) -> Iterator[str]:
    """Yield what looking into objects is beside Python's own means."""
    found = results["object_pause"]
    yield "## Looking into objects\n"
    yield (
        f"`python benchmarks/object_pause.py`: on a heap of {millions(found['objects'])} objects, the longest time in which "
        "another thread did not get its turn, and how much of it the process itself was at work.\n"
    )
    yield from table(
        ("what", "longest pause", "of it at work", "in all"),
        (
            (name, f"{row['gap_ms']:.0f} ms", f"{row['work_ms']:.0f} ms", f"{row['seconds']:.1f} s")
            for name, row in found["rows"].items()
        ),
    )


def of_snapshots(results: dict[str, Result]) -> Iterator[str]:
    """Yield what a snapshot of allocations is beside tracemalloc's own."""
    found = results["snapshot_pause"]
    yield "## A snapshot of allocations\n"
    yield (
        f"`python benchmarks/snapshot_pause.py`: {millions(found['traces'])} traces of {found['stacks']:,} stacks in a worker in "
        "`trace` mode. The longest time in which another thread did not get its turn, of plain `take_snapshot` and of all "
        "that `memguard objects --take` has the worker do: to take it, to tell memguard's own allocations from the "
        f"application's, to count objects by type, to pack and to store both. {found['ratio']['rounds']} rounds of both, in "
        "turn in one process; medians.\n"
    )
    yield from table(
        ("what", "longest pause", "of it at work", "in all"),
        (
            (
                name, f"{row['gap_ms']['median']:.0f} ms", f"{row['work_ms']['median']:.0f} ms",
                f"{row['seconds']['median']:.1f} s",
            )
            for name, row in found["rows"].items()
        ),
    )  # fmt: skip
