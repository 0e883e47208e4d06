"""Takes a worker out: at the end of a unit, or drained, by a thread of its own; and says why."""

import logging
import os
import threading
from collections.abc import Callable
from time import monotonic, time
from typing import Any

from memguard.instruments.own import OwnMemory
from memguard.model import Event
from memguard.recycling.ceiling import Recycling
from memguard.recycling.coordinator import Coordinator
from memguard.recycling.departure import drain
from memguard.recycling.record import Recycle
from memguard.recycling.refusal import refusal
from memguard.recycling.relief import Yield
from memguard.recycling.servers import Server, detect
from memguard.safety import Part
from memguard.settings import Settings
from memguard.units import format_bytes
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

SECONDS_MOST = 300.0
"""A worker that is still here so long after it was asked to leave gives its slot back, and says so."""
STOP_SECONDS_MOST = 1.0
SECONDS_FOR_A_CALLABLE = 60.0
"""The same where the user's callable was asked: what it has done may have been enough, so all begins anew."""


class Leaving:
    """One per process.

    Args:
        watch: What is watched.
        settings: What it is watched by.
        server: What runs this process, None to detect it.
        machine: Where the worker is on its way out.
        coordinator: What it agrees on with others.
        memory: Reads what counts against a ceiling.
        grown: Returns the operations that memory has grown with most, in words.
        tell: Writes the worker's state to the store.
        drains: Is told whether the worker is on its way out.
        goodbye: Is called before the server is asked to let the worker go.

    Attributes:
        events: What is to be told to the store.
        given_back: What relief gave back last.
    """

    def __init__(
        self,
        watch: Watch,
        settings: Settings,
        *,
        server: Server | None,
        machine: Recycling,
        coordinator: Coordinator,
        memory: OwnMemory,
        grown: Callable[[], tuple[str, ...]],
        tell: Callable[[], None],
        drains: Callable[[bool], None],
        goodbye: Callable[[], None],
    ) -> None:
        self.events: list[Event] = []
        self.given_back: tuple[Yield, ...] = ()
        self.began = monotonic()
        self._watch, self._settings = watch, settings
        self._server = server
        self._machine, self._coordinator, self._memory = machine, coordinator, memory
        self._grown, self._tell, self._drains, self._goodbye = grown, tell, drains, goodbye
        self._asked_at = 0.0
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._part = Part("letting this worker go")

    @property
    def server(self) -> Server:
        """What runs this process."""
        return self._server or detect()

    @property
    def with_unit(self) -> bool:
        """Whether it leaves at the end of a unit, in that unit's thread."""
        return not callable(self._settings.recycle) and self.server.leaves_with_its_unit

    @property
    def is_overdue(self) -> bool:
        """Whether it was asked to leave long ago and is still here."""
        return self._machine.phase == "leaving" and monotonic() - self._asked_at > SECONDS_MOST

    @property
    def state(self) -> str:
        """What the store calls it: `serving`, or `recycling` from the moment that the slot is this worker's."""
        return "recycling" if self._machine.phase in {"holds", "draining", "leaving"} else "serving"

    def outlook(self) -> tuple[str, str]:
        """Return how this worker is replaced where it has to be, and why it cannot be: sentences, one of them empty."""
        settings, server = self._settings, self.server
        stays = refusal(settings, server, self._coordinator.trouble)
        if stays is not None:
            return (f"it is not replaced: {stays.words}", "") if stays.kind == "setting" else ("", stays.words)
        if callable(settings.recycle):
            return "by a call of what the setting `recycle` is", ""
        if self.with_unit:
            return f"at the end of a unit, by {server.name}'s own graceful exit", ""
        patience = f"no new connections, {settings.drain_timeout:g} s at most for those that are open"
        return f"drained, with {patience}; then by {server.name}'s own graceful exit", ""

    def notes(self) -> list[str]:
        """Return sentences for a person about a worker that is over a ceiling, or judged otherwise than one may think."""
        notes, machine = [], self._machine
        over = "asked to leave" if machine.wished else f"over the ceiling of {format_bytes(machine.limit)}"
        if self._memory.adds:
            added, floor = format_bytes(self._memory.read_quickly()), format_bytes(self._memory.floor)
            notes.append(
                f"this worker was forked with {floor}; what counts against its ceiling is what it has added, {added}"
            )
        if self.is_overdue:
            notes.append(f"{over}; its server was asked to let this worker go, and has not done so")
        elif self.state == "recycling":
            notes.append(f"{over}; this worker is being replaced")
        elif machine.phase == "wants" and machine.brake is not None:
            notes.append(f"{over}; this worker stays: {machine.brake.words}")
        return notes

    def begin(self) -> None:
        """The slot is this worker's: from now on connections close; a server that has to drains."""
        self._machine.granted(monotonic())
        self._drains(True)
        if not self.with_unit:
            self._machine.drains(monotonic())
            self._thread = threading.Thread(target=self._drain, name="memguard-departure", daemon=True)
            self._thread.start()

    def give_up(self) -> None:
        """It stays after all: the slot goes back. Not to be called once it drains."""
        self._drains(False)
        self._coordinator.release()

    def leave(self, **told: object) -> None:
        """Say why, and take the server's own exit."""
        machine, server = self._machine, self.server
        self._asked_at = monotonic()
        machine.leaves(self._asked_at)
        crossed, why = machine.crossed, self._why()
        self._coordinator.leaves(time(), quick=crossed is not None and crossed.uptime < crossed.min_uptime)
        self.say("recycle", {**why.detail(machine.seconds(self._asked_at)), "server": server.name, **told})
        log.warning("memguard: worker %d (%s) leaves: %s", os.getpid(), server.name, why.sentence())
        self._goodbye()
        if not self.with_unit:
            self._tell()  # some servers' exits run nothing of Python's any more
        self._exit(why)

    def wait(self) -> None:
        """It was asked to leave and is still here: ask again after a while, and let others leave."""
        if callable(self._settings.recycle):
            if monotonic() - self._asked_at > SECONDS_FOR_A_CALLABLE:
                self.give_up()
                self._machine.stays()
        elif self.is_overdue:
            log.warning(
                "memguard: worker %d was to be replaced %.0f s ago and is still here", os.getpid(), SECONDS_MOST
            )
            self._coordinator.release()
            self._asked_at = monotonic()
            self._exit(self._why())

    def close(self) -> None:
        """The guard ends: whoever drains has nothing left to do. A slot stays locked until the process has ended."""
        self._is_closed = True
        if self._machine.phase != "leaving":
            self._coordinator.release()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS_MOST)

    def say(self, kind: str, detail: dict[str, Any], *, at: float | None = None) -> None:
        """Tell the store of something that happened then, or now."""
        self.events.append(Event(time() if at is None else at, kind, detail))

    def _exit(self, why: Recycle) -> None:
        if callable(self._settings.recycle):
            self._settings.recycle(why)
        else:
            self.server.leave()

    def _drain(self) -> None:
        with self._part:
            if callable(self._settings.recycle):
                self.leave()
            else:
                drained = drain(self.server, self._settings.drain_timeout, lambda: self._is_closed)
                if not self._is_closed:
                    self.leave(connections_left=drained.left)

    def _why(self) -> Recycle:
        crossed = self._machine.crossed
        return Recycle(
            used_bytes=crossed.used if crossed is not None else self._memory.read_quickly(),
            ceiling_bytes=self._machine.limit,
            is_hard=self._machine.urgent,
            wished=self._machine.wished,
            floor_bytes=self._memory.floor,
            given_back=self.given_back,
            now_bytes=self._memory.read_quickly(),
            grown=self._grown(),
            units_total=self._watch.begun,
            in_flight=len(self._watch.live),
            uptime=monotonic() - self.began,
        )
