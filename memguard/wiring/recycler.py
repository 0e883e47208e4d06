"""Joins what recycling needs: readings of memory, the state machine, relief, the other workers, and the way out.

The keeper takes the readings and does what takes time. The end of a unit only looks whether it is the one to leave
with, and, where there is a hard ceiling, whether it has passed it.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic, time

from memguard.instruments.native import trim
from memguard.instruments.own import OwnMemory
from memguard.instruments.rss import memory_limit
from memguard.model import Event
from memguard.recycling.ceiling import Action, Reading, Recycling
from memguard.recycling.coordinator import Coordinator
from memguard.recycling.limits import limits, resolved
from memguard.recycling.refusal import refusal
from memguard.recycling.relief import Relief
from memguard.recycling.servers import Server
from memguard.recycling.servers.protocol import Replacing
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store.places import workers_directory
from memguard.units import format_bytes
from memguard.wiring.leaving import Leaving
from memguard.wiring.succession import Succession
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

PASSING = frozenset({"uptime", "idle", "slot"})
"""Brakes that pass by themselves; of the others a person has to know."""
SECONDS_BETWEEN_ASKS = 1.0
UNDER_WAY = "its supervisor is replacing workers already"
FIRST_UNIT_SECONDS = 60.0
"""Readings begin with the end of the first unit, or after these seconds where that goes on and on."""


class Recycler:
    """One per process.

    Args:
        watch: What is watched.
        settings: What it is watched by.
        kind: `web` or `celery`.
        server: What runs this process, None to detect it.
        grown: Returns the operations that memory has grown with most, in words.
        tell: Writes the worker's state to the store.
        drains: Is told whether the worker is on its way out, so that responses should close their connections.
        goodbye: Is called before the server is asked to let the worker go.

    Attributes:
        armed: The end of a unit matters.
        ceiling, hard_ceiling, lowest: In bytes, None for none; the lowest of them.
        memory: Reads what counts against them.
    """

    def __init__(
        self,
        watch: Watch,
        settings: Settings,
        *,
        kind: str,
        server: Server | None,
        grown: Callable[[], tuple[str, ...]],
        tell: Callable[[], None],
        drains: Callable[[bool], None],
        goodbye: Callable[[], None],
    ) -> None:
        known, me = {"memory": memory_limit(), "baseline": watch.baseline}, watch.worker_id
        self.ceiling = resolved(settings.rss_ceiling, **known)
        self.hard_ceiling = resolved(settings.rss_hard_ceiling, **known)
        self._limits = limits(settings, worker=f"{me.host} {me.pid} {me.started_at}", **known)
        self.lowest = min((each for each in (self.ceiling, self.hard_ceiling) if each is not None), default=None)
        # What is shared is taken off from the lowest limit on that is compared with, which is lower than what was written.
        self.memory = OwnMemory(watch.rss, settings.rss_metric, self._limits.lowest or sys.maxsize)
        self.armed = True
        self._watch, self._settings = watch, settings
        self._machine = Recycling(self._limits)
        self._relief = Relief(self.memory.read, trim)
        self._coordinator = Coordinator(
            lambda make: workers_directory(settings, make=make),
            supervisor=f"{kind} {os.getppid()}",
            concurrency=settings.recycle_concurrency,
            min_interval=settings.recycle_min_interval,
        )
        self._leaving = Leaving(
            watch,
            settings,
            server=server,
            machine=self._machine,
            coordinator=self._coordinator,
            memory=self.memory,
            grown=grown,
            tell=tell,
            drains=drains,
            goodbye=goodbye,
        )
        self._lock = threading.Lock()
        self._part = Part("recycling")
        self._min_uptime = settings.recycle_min_uptime
        self._next_ask = 0.0
        self._units_seen = 0
        self._told_brake = ""
        self._replacing: Replacing = ""
        self._drains = drains
        self._succession = Succession(self._coordinator, self._leaving)
        with self._part:
            self._succession.look()

    @property
    def state(self) -> str:
        """What the store calls it: `serving`, or `recycling` from the moment that the slot is this worker's."""
        return self._leaving.state

    @property
    def is_leaving(self) -> bool:
        """Whether this worker was asked to leave, and has not stayed after all."""
        return self._machine.phase == "leaving"

    def outlook(self) -> tuple[str, str]:
        """Return how this worker is replaced where it has to be, and why it cannot be: sentences, one of them empty."""
        return self._leaving.outlook()

    def notes(self) -> list[str]:
        """Return sentences for a person about a worker that is over a ceiling, or judged otherwise than one may think."""
        return self._leaving.notes()

    def take_events(self) -> list[Event]:
        """Return what happened since the last call."""
        events, self._leaving.events = self._leaving.events, []
        return events

    def look(self) -> None:
        """Take a reading and do what follows from it; some times a second, in the keeper's thread."""
        with self._part, self._lock:
            if self._succession.is_open:
                self._succession.look()
            if self._machine.phase == "leaving":
                self._leaving.wait()
                return
            machine = self._machine
            if self.lowest is None and not machine.wished:
                self.armed = False
                return
            self._look_at_the_supervisor()
            is_young = machine.lowest is None and monotonic() - self._leaving.began < FIRST_UNIT_SECONDS
            if is_young and not machine.wished:
                return  # what the first unit loads is not there yet
            used = self.memory.read()
            if machine.is_calm(used):
                machine.over = machine.beyond = 0  # most looks end here, and leave no object that a window would see
                machine.note(used)
            else:
                self._act(machine.sample(self._reading(used)), used)
            self.armed = self._limits.hard is not None or machine.phase == "holds"

    def unit_ended(self) -> None:
        """A unit has ended in this thread: leave with it where that is decided, or where it has passed the hard ceiling."""
        if not self._part.on or not self._lock.acquire(blocking=False):
            return
        try:
            with self._part:
                machine = self._machine
                if machine.lowest is None:
                    machine.note(
                        self.memory.read()
                    )  # takes longer, once: the quick one knows nothing yet of what is shared
                used = self.memory.read_quickly()
                if self._is_over_hard(used) and machine.phase != "holds":
                    self._act(machine.sample(self._reading(used, is_busy=True)), used)
                if machine.phase == "holds" and machine.is_over(used):
                    self._leaving.leave()
        finally:
            self._lock.release()

    def request(self) -> str:
        """Have this worker replaced, whatever it uses; return why that cannot be, empty where it is on its way."""
        with self._lock:
            found = refusal(self._settings, self._leaving.server, self._coordinator.trouble)
            if found is None:
                self._machine.wished = True
            return found.words if found is not None else ""

    def close(self) -> None:
        """The guard ends."""
        with self._part:
            self._leaving.close()

    def _look_at_the_supervisor(self) -> None:
        replacing = self._leaving.server.replacing()
        if replacing != self._replacing:
            self._replacing = replacing
            if self.state == "serving":
                self._drains(replacing == "this")

    def _reading(self, used: int, *, is_busy: bool = False) -> Reading:
        now, settings = monotonic(), self._settings
        begun, seen = self._watch.begun, self._units_seen
        self._units_seen = begun
        if not self._machine.is_over(used):
            return Reading(now, used)
        if now >= self._next_ask:
            self._min_uptime = self._coordinator.uptime(settings.recycle_min_uptime, time())
        return Reading(
            now,
            used,
            uptime=now - self._leaving.began,
            min_uptime=settings.recycle_min_uptime if self._is_over_hard(used) else self._min_uptime,
            refusal=refusal(settings, self._leaving.server, self._coordinator.trouble),
            oldest=min((unit.sequence for unit in tuple(self._watch.live)), default=begun + 1),
            is_busy=is_busy or not self._leaving.with_unit or bool(self._watch.live) or begun != seen,
        )

    def _is_over_hard(self, used: int) -> bool:
        return self._limits.hard is not None and used > self._limits.hard

    def _act(self, action: Action, used: int) -> None:
        machine, now = self._machine, monotonic()
        if action == "relieve":
            with self._watch.observer.quiet():
                given_back = self._leaving.given_back = self._relief.give_back(now, again=machine.relief.again)
            after = self.memory.read()
            machine.relieved(monotonic(), used, after, self._watch.begun if self._watch.live else 0)
            if given_back:
                gave = {f"{each.step}_gave_bytes": each.given_back for each in given_back}
                self._leaving.say(
                    "relief", {"used_bytes": used, "ceiling_bytes": machine.limit, "after_bytes": after, **gave}
                )
        elif action == "release":
            self._leaving.give_up()
        elif action == "leave":
            self._leaving.begin()
        elif action == "ask" and now >= self._next_ask:
            self._next_ask = now + SECONDS_BETWEEN_ASKS
            words = (
                UNDER_WAY
                if self._replacing
                else self._coordinator.ask(time(), time() - (now - machine.entered["wants"]))
            )
            if words:
                machine.denied(words)
            else:
                self._leaving.begin()
        self._say_brake(used)

    def _say_brake(self, used: int) -> None:
        machine, brake = self._machine, self._machine.brake
        if machine.phase != "wants":
            self._told_brake = ""
        elif brake is not None and brake.kind not in PASSING and brake.kind != self._told_brake:
            self._told_brake = brake.kind
            detail = {"rss_bytes": used, "ceiling_bytes": machine.limit, "stays_because": brake.words}
            self._leaving.say("ceiling", detail)
            log.warning(
                "memguard: worker %d uses %s, over the ceiling of %s, and stays: %s",
                os.getpid(), format_bytes(used), format_bytes(machine.limit), brake.words,
            )  # fmt: skip
