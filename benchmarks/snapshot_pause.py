"""How long a worker's threads stand still for a snapshot over many traces: memguard's, and tracemalloc's own.

python benchmarks/snapshot_pause.py --traces 1000000 --stacks 50000

Memguard's is all that `memguard objects --take` has a worker do: its keeper takes up the command, takes the snapshot, tells
its own allocations from the others, counts the objects by type, packs both and writes them into the store. In every round
each is measured in the same process, over the same traces; they are compared by what the process worked in its longest
stop, because the rest of such a time is other processes'.
"""

import argparse
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from asked import ask, worker
from pauses import Pause, pause_of
from rounds import compared, save, say, spread

FRAMES, WAYS = 8, 8
PLAIN, OWN = "tracemalloc.take_snapshot()", "a worker's snapshot"
CALLS = "\n    ".join(f"if way == {way}: return planted(depth - 1, rest)" for way in range(WAYS))
SOURCE = f"""
def planted(depth, path):
    if depth == 0: return bytes(50)
    rest, way = divmod(path, {WAYS})
    {CALLS}
"""


def plant(traces: int, stacks: int) -> list[bytes]:
    """Allocate so often, by so many ways through a function that calls itself from one of its lines."""
    names: dict[str, Callable[[int, int], bytes]] = {}
    exec(compile(SOURCE, "/srv/shop/planted.py", "exec"), names)
    return [names["planted"](FRAMES - 1, number % stacks) for number in range(traces)]


def main() -> None:
    """Allocate, then measure both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--stacks", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with worker(mode="trace", trace_frames=FRAMES) as guard:
        kept = plant(asked.traces, asked.stacks)
        found: dict[str, list[Pause]] = {name: [] for name in (PLAIN, OWN)}
        for _ in range(asked.rounds):
            for name, act in ((PLAIN, tracemalloc.take_snapshot), (OWN, partial(ask, guard, "snapshot"))):
                pause = pause_of(act)
                told = pause.gave if name == OWN else f"{len(kept):,} traces and more"
                say(f"{name}: {pause.longest * 1000:.0f} ms at most, {pause.worked * 1000:.0f} ms of work, {told}")
                found[name].append(replace(pause, gave=None))
                del pause
    worked = {name: [each.worked for each in pauses] for name, pauses in found.items()}
    rows = {
        name: {
            "gap_ms": spread(1000 * each.longest for each in pauses),
            "work_ms": spread(1000 * each.worked for each in pauses),
            "seconds": spread(each.seconds for each in pauses),
        }
        for name, pauses in found.items()
    }
    ratio = compared(worked, PLAIN)[OWN]
    save("snapshot_pause", {"rows": rows, "ratio": ratio, "traces": asked.traces, "stacks": asked.stacks})


if __name__ == "__main__":
    main()
