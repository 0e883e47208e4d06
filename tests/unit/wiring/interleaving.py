"""How the units of a host follow each other: by a schedule in one thread, in many threads, in a loop of asyncio's."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from memguard.wiring.guard import Guard
from tests.unit.wiring.schedules import Host, Visit

DEADLINE = 60.0


def feed(guard: Guard) -> None:
    """Give windows CPU time to spend, as the keeper does."""
    watch = guard._watch
    if watch is not None:
        watch.sampler.grant(1.0, 0.0, eager=True)
        watch.observer.plan()


def tick(guard: Guard) -> None:
    """Let an idle window close and settle, as the keeper does."""
    watch = guard._watch
    if watch is not None:
        watch.observer.tick()


def interleave(host: Host, steps: Sequence[tuple[int, int]], *, disturb: Callable[[int], None]) -> None:
    """Run units in one thread, in the order that the steps say.

    Each step is a place and an operation: an empty place begins a unit of the operation, else the unit in it goes on.
    Between steps something else of the host's may happen: `disturb`. At the end all units end.
    """
    places: dict[int, Visit] = {}
    for number, (place, operation) in enumerate(steps):
        if number % 8 == 0:
            feed(host.guard)
        disturb(number)
        if place not in places:
            places[place] = host.begin(operation % len(host.plans))
        elif host.step(places[place]):
            del places[place]
    for visit in places.values():
        while not host.step(visit):
            pass


def random_steps(seed: int, count: int, places: int, operations: int) -> Iterator[tuple[int, int]]:
    """Return so many steps by chance: the same for the same seed."""
    chance = random.Random(seed)
    return ((chance.randrange(places), chance.randrange(operations)) for _ in range(count))


def in_threads(host: Host, seed: int, threads: int, is_enough: Callable[[], bool]) -> None:
    """Run units in some threads, all at once, until it is enough; raise what a thread raised."""
    failures: list[BaseException] = []

    def serve(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        try:
            while not (is_over.is_set() or is_enough()):
                visit = host.begin(chance.randrange(len(host.plans)))
                while not host.step(visit):
                    sum(range(chance.randrange(200)))
        except BaseException as error:
            failures.append(error)

    is_over, deadline = threading.Event(), time.monotonic() + DEADLINE
    running = [threading.Thread(target=serve, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running) and not failures and time.monotonic() < deadline:
        feed(host.guard)
        running[-1].join(0.002)
    is_over.set()
    for thread in running:
        thread.join()
    for failure in failures:
        raise failure


async def in_a_loop(host: Host, seed: int, clients: int, units: int) -> None:
    """Run so many units in each of some tasks, which give way to each other between their stages."""

    async def serve(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        for _ in range(units):
            visit = host.begin(chance.randrange(len(host.plans)))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            while not host.step(visit):
                for _ in range(1 + chance.randrange(4)):
                    await asyncio.sleep(0)

    async def keep() -> None:
        while not is_over.is_set():
            feed(host.guard)
            for _ in range(20):
                await asyncio.sleep(0)

    is_over = asyncio.Event()
    keeper = asyncio.create_task(keep())
    await asyncio.gather(*(serve(number) for number in range(clients)))
    is_over.set()
    await keeper
