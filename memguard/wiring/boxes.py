"""The black box: writes down what this worker is in the middle of, and tells of others that died in the middle of it."""

import logging
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from time import perf_counter, time
from typing import Any

from memguard.instruments.container import oom_kills, used_share
from memguard.model import Event, Flush, WorkerState
from memguard.recycling.blackbox import RUNNING_MOST, BlackBox, Box, Running
from memguard.recycling.deaths import Deaths, Killer
from memguard.recycling.servers import Server
from memguard.recycling.shared import Shared
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store import Store
from memguard.store.places import workers_directory
from memguard.units import format_bytes, format_seconds
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

LONG_SECONDS = 0.5
"""A unit that has run for so long is written down; where memory is short, every one is."""
HIGH = 0.8
"""Memory is short from this share of the container's limit on, or of the worker's own lowest ceiling."""
SECONDS_BETWEEN_SEARCHES = 5.0
"""It reads a directory and what the container has used: as long as a verdict may wait."""
SECONDS_BETWEEN_MARKS, SECONDS_BETWEEN_WORDS = 10.0, 1.0
"""Without anything to write down, what is known of memory is; while the same runs on, how long it has run by now."""
PUT_OFF_MOST = 3
"""While a window is open, which would see what is built here, so many looks are left out."""


class Boxes:
    """One per process, used by the keeper.

    Args:
        watch: What is watched.
        settings: What it is watched by.
        store: Where deaths are told.
        kind: `web` or `celery`.
        server: Returns what runs this process.
        is_leaving: Tells whether this worker was asked to leave.

    Attributes:
        limit: The lowest ceiling in bytes, None without one.
    """

    def __init__(
        self,
        watch: Watch,
        settings: Settings,
        store: Store,
        *,
        kind: str,
        server: Callable[[], Server],
        is_leaving: Callable[[], bool],
    ) -> None:
        def locate(make: bool) -> Any:
            return workers_directory(settings, make=make)

        self._watch, self._settings, self._store = watch, settings, store
        self._kind, self._server, self._is_leaving = kind, server, is_leaving
        self.limit: int | None = None
        self._box = BlackBox(locate, watch.worker_id)
        self._writing = threading.Lock()
        self._deaths = Deaths(Shared(locate))
        self._part = Part("the black box")
        self._killers: tuple[Killer, ...] = ()
        self._told: set[str] = set()
        self._share, self._kills = 0.0, oom_kills()
        self._next_search = self._next_mark = 0.0
        self._written: list[tuple[str, str, int]] | None = None
        self._put_off = 0
        self._trouble = ""
        self._dead: tuple[Box, ...] = ()

    def notes(self) -> list[str]:
        """Return sentences for a person: operations that keep killing workers, and why there is no black box."""
        notes = [f"{each.sentence()}: look at what it does to memory" for each in self._killers]
        return [*notes, self._trouble] if self._trouble else notes

    def look(self) -> None:
        """Write down what is to be, and now and then look for workers that died; in the keeper's thread."""
        observer = self._watch.observer
        if not self._part.on:
            return
        if observer.active and self._put_off < PUT_OFF_MOST:
            self._put_off += 1
            return
        self._put_off = 0
        with self._part, observer.unmeasured, observer.lock:
            self._look(perf_counter())
        dead, self._dead = self._dead, ()
        for box in dead:
            with self._part:
                self._bury(box)

    def _look(self, now: float) -> None:
        try:
            if now >= self._next_search:
                self._next_search = now + SECONDS_BETWEEN_SEARCHES
                self._share, self._kills = used_share(), oom_kills()
                self._killers = self._deaths.killers(time())
                self._dead = tuple(self._box.dead())
            running = self._running()
            names = [(each.kind, each.name, each.count) for each in running]
            if names != self._written or now >= self._next_mark:
                self._write(running, now)
                self._written = names
            self._trouble = ""
        except OSError as error:
            self._trouble = f"what runs when a worker dies is not written down ({error})"

    def goodbye(self) -> None:
        """The worker is asked to leave now: however its server ends it, that is no death."""
        with self._part, self._writing:
            self._box.write(self._now(()))

    def close(self) -> None:
        """Say goodbye."""
        with self._part:
            self._box.close()

    def _is_high(self) -> bool:
        return self._share >= HIGH or (self.limit is not None and self._watch.rss.read() >= HIGH * self.limit)

    def _write(self, running: tuple[Running, ...], now: float) -> None:
        with self._writing:  # a goodbye is the last word: none of what was so before may come after it
            self._box.write(self._now(running))
        self._next_mark = now + (SECONDS_BETWEEN_WORDS if running else SECONDS_BETWEEN_MARKS)

    def _now(self, running: tuple[Running, ...]) -> Box:
        return Box(
            worker=self._watch.worker_id,
            kind=self._kind,
            server=self._server().name,
            at=time(),
            rss=self._watch.rss.read(),
            memory_share=round(self._share, 3),
            oom_kills=self._kills,
            leaving=self._is_leaving(),
            running=running,
        )

    def _running(self) -> tuple[Running, ...]:
        now, least = perf_counter(), 0.0 if self._is_high() else LONG_SECONDS
        found: dict[tuple[str, str], Running] = {}
        for unit in tuple(self._watch.live):
            seconds = now - unit.began
            if seconds >= least:
                key = unit.kind, unit.running_name()
                before = found.get(key, Running(*key, 0, 0.0))
                found[key] = Running(*key, before.count + 1, round(max(seconds, before.seconds), 1))
        return tuple(sorted(found.values(), key=lambda each: -each.seconds)[:RUNNING_MOST])

    def _bury(self, box: Box) -> None:
        """Tell the store what has become of a worker that said no goodbye, in that worker's own name."""
        if box.leaving:
            self._tell(box, "stopped")
            return
        names = tuple(f"{each.kind} {each.name}" for each in box.running if each.kind != "websocket")
        killed = self._kills is not None and box.oom_kills is not None and self._kills > box.oom_kills
        if not (box.running or killed or box.memory_share >= HIGH):
            why = "it ended without a word while nothing ran for long and memory was not short"
            self._tell(box, "gone", Event(time(), "gone", {"why": why, "rss_bytes": box.rss, "found_by": os.getpid()}))
            return
        seen = self._deaths.add(time(), names)
        why = _words(box, seen, killed=killed)
        detail = {
            "why": why,
            "running": [_running_words(each) for each in box.running],
            "rss_bytes": box.rss,
            "container_share": box.memory_share,
            "oom_killer": killed,
            "deaths_in_a_day": [f"{name}: {count}" for name, count in seen.items()],
            "found_by": os.getpid(),
        }
        log.warning("memguard: worker %d (%s) died without a word: %s", box.worker.pid, box.server, why)
        self._killers = self._deaths.killers(time())
        self._tell(box, "died", Event(time(), "died", detail), *self._accused(seen))

    def _accused(self, seen: Collection[str]) -> list[Event]:
        """Say once which of these operations keep killing workers: in the log, and as events."""
        told = []
        for killer in self._killers:
            if killer.name in seen and killer.name not in self._told:
                self._told.add(killer.name)
                log.warning("memguard: %s: look at what it does to memory", killer.sentence())
                told.append(Event(time(), "killer", killer.detail()))
        return told

    def _tell(self, box: Box, state: str, *events: Event) -> None:
        told = [each for each in self._store.read().workers if each.id == box.worker]
        last = told[0] if told else _state(box, self._settings.mode)
        self._store.flush(Flush(replace(last, state=state, last_seen=box.at, rss_bytes=box.rss), events=events))


def _state(box: Box, mode: str) -> WorkerState:
    return WorkerState(
        id=box.worker,
        kind=box.kind,
        server=box.server,
        mode=mode,
        state="gone",
        last_seen=box.at,
        rss_bytes=box.rss,
        rss_baseline_bytes=None,
        ceiling_bytes=None,
        units_total=0,
        in_flight=0,
        windows_total=0,
        overhead_ratio=0.0,
    )


def _words(box: Box, seen: dict[str, int], *, killed: bool) -> str:
    parts = [f"it used {format_bytes(box.rss)}"]
    if killed:
        parts.append("the kernel has killed a process for want of memory meanwhile")
    elif box.memory_share >= HIGH:
        parts.append(f"{box.memory_share:.0%} of the memory that is to be had was in use")
    if box.running:
        parts.append(f"it was running {', '.join(map(_running_words, box.running))}")
    again = [f"{name} was running at {count} deaths in a day" for name, count in seen.items() if count > 1]
    return "; ".join([*parts, *again])


def _running_words(running: Running) -> str:
    often = f"{running.count} times " if running.count > 1 else ""
    return f"{often}{running.kind} {running.name} (for {format_seconds(running.seconds)})"
