"""The guard: one per process. Adapters call `begin` and `end`; everything else follows from there."""

import atexit
import logging
from contextlib import AbstractContextManager, nullcontext
from threading import RLock

from memguard import ownership
from memguard.forking import reset_in_child, undivided
from memguard.instruments.process import worker_id
from memguard.instruments.traces import Tracing
from memguard.model import UNMATCHED, WorkerId
from memguard.recycling.servers import Server
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store import open_store
from memguard.wiring.keeper import Keeper
from memguard.wiring.recycler import Recycler
from memguard.wiring.reporter import Reporter
from memguard.wiring.standing import Standing
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch

__all__ = ["Guard", "Unit"]

log = logging.getLogger("memguard")

FLUSH_PATIENCE_SECONDS = 1.0


class Guard:
    """Watches the units of one process. Make it with `for_process`; `begin` and `end` never raise.

    Nothing starts before the first unit: a guard made in a master that forks is a guard of each child.

    Attributes:
        settings: What it was made with.
        store: Where this and all other workers of the service report to.
        draining: This worker is on its way out: each response should close its connection.
    """

    draining = False

    def __init__(self, settings: Settings, *, kind: str, server: Server | None, notes: tuple[str, ...]) -> None:
        self.settings = settings
        self.store = open_store(settings)
        self._kind = kind
        self._tracing = Tracing()
        self._refused: list[Settings] = []
        self._watch: Watch | None = None
        self._reset_after_fork()
        self._server, self._notes = server, notes
        reset_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        """Make anew all that belongs to one process; units, thread and figures stay the parent's."""
        if self._watch is not None:
            self._watch.abandon()
            if self.settings.mode != "trace":
                self._tracing.stop()  # a command that the parent carries out
        self._watch = None
        self._server, self._notes = None, ()
        self._reporter: Reporter | None = None
        self._recycler: Recycler | None = None
        self.draining = False
        self._keeper = Keeper(self._keep, self._is_in_a_window, self._look, self._share)
        self._boundaries = Part("watching units")
        self._reporting = Part("reporting to the store")
        self._commanding = Part("carrying out commands")
        # Re-entrant: while the first unit of a thread is being started a finalizer of the host's may begin another.
        self._lock = RLock()
        self._is_starting = self._is_closed = self.is_paused = False

    @classmethod
    def for_process(
        cls, settings: Settings, *, kind: str = "web", server: Server | None = None, notes: tuple[str, ...] = ()
    ) -> "Guard":
        """Return this process's guard. The first call makes it, and its settings stay; others are refused in the log.

        Args:
            settings: What to watch by, from `Settings.load`.
            kind: `web` or `celery`.
            server: What runs this process, where the caller knows; else it is detected.
            notes: Sentences for a person that the caller has to say of this process.

        Raises:
            SettingsError: The store setting names a file that is something else.
        """
        guard = _process.guard
        if guard is None:
            with undivided(), _process.lock:
                guard = _process.guard = _process.guard or cls(settings, kind=kind, server=server, notes=notes)
        if guard.settings is not settings:
            guard._refuse(settings)
        return guard

    @classmethod
    def current(cls) -> "Guard | None":
        """Return this process's guard if there is one."""
        return _process.guard

    @property
    def worker_id(self) -> WorkerId:
        """This process."""
        return self._watch.worker_id if self._watch is not None else worker_id()

    @property
    def own_work(self) -> AbstractContextManager[None]:
        """Around work of memguard's own in a thread of the host's: a window that it falls into is not counted."""
        return self._watch.observer.unmeasured if self._watch is not None else nullcontext()

    def begin(self, kind: str, name: str = UNMATCHED) -> Unit:
        """A unit begins now: `kind` is `request`, `websocket` or `task`; the name may be set on the unit later."""
        unit = Unit(kind, name)
        if self._boundaries.on and not self.is_paused:
            try:
                watch = self._watch or self._start()
                if watch is not None:
                    watch.begin(unit)
            except Exception as failure:
                self._boundaries.swallow(failure)
        return unit

    def end(self, unit: Unit, *, error: bool = False) -> None:
        """A unit ended, well or with an error; only the first end of a unit counts."""
        if unit.ended:
            return
        unit.ended, unit.naming = True, None
        watch = self._watch
        if watch is not None:
            try:
                watch.end(unit, error=error)
            except Exception as failure:
                self._boundaries.swallow(failure)
            recycler = self._recycler
            if recycler is not None and recycler.armed:
                recycler.unit_ended()

    def timings(self, unit: Unit) -> str | None:
        """Return a `Server-Timing` value with the unit's deltas so far; None outside trace mode."""
        watch = self._watch
        if watch is not None:
            with self._boundaries:
                return watch.timings(unit)
        return None

    def flush(self) -> None:
        """Write this worker's state to the store now; nothing happens before the first unit.

        While the keeper is in the middle of something that takes longer than `FLUSH_PATIENCE_SECONDS`, what it has written
        last has to do: it is a few seconds old.
        """
        if self._lock.acquire(timeout=FLUSH_PATIENCE_SECONDS):
            try:
                self._tell()
            finally:
                self._lock.release()

    def _tell(self) -> None:
        watch, reporter = self._watch, self._reporter
        if watch is not None and reporter is not None:
            with self._reporting, self._lock, watch.observer.unmeasured:
                reporter.flush("serving")

    def close(self) -> None:
        """End in order: the keeper gone, heap and tracemalloc as they were, a last flush that says `stopped`.

        Units that begin later, as in handlers that run at exit, pass unwatched.
        """
        if _process.guard is self:
            _process.guard = None
        atexit.unregister(self.close)
        self._is_closed = True
        self._keeper.stop()
        if self._recycler is not None:
            self._recycler.close()
        with self._reporting, self._lock:
            if self._watch is not None and self._reporter is not None:
                self._watch.stop()
                self._reporter.flush("stopped")
                self._reporter.boxes.close()
            self._watch = self._reporter = self._recycler = None
            self.store.close()

    def _start(self) -> Watch | None:
        """Begin to watch, at the first unit of this process; None in the middle of that, and after the close."""
        with self._lock:
            if self._watch is None and not self._is_starting and not self._is_closed:
                self._is_starting = True
                try:
                    watch = Watch(self.settings, self._tracing)
                    self._reporter = Reporter(
                        watch, self.store, self.settings, kind=self._kind, server=self._server, notes=self._notes,
                        tell=self._tell, drains=self._drains,
                    )  # fmt: skip
                    self._recycler = self._reporter.recycler
                    self._watch = watch
                    self._keeper.start()
                    atexit.register(self.close)
                    if clash := ownership.clash():
                        log.warning(clash)
                finally:
                    self._is_starting = False
            return self._watch

    def _keep(self) -> None:
        """One round of the keeper."""
        watch, reporter = self._watch, self._reporter
        if watch is None or reporter is None or self.is_paused:
            return
        with self._boundaries:
            watch.observer.tick()
        if self._reporting.on:
            with self._reporting, self._lock, watch.observer.unmeasured:
                reporter.round(self._keeper.seconds)
        if self._commanding.on:
            # Without the lock: one that takes seconds must not hold up who asks this worker for the report.
            with self._commanding:
                reporter.commands.round()

    def _look(self) -> None:
        """What the keeper does between its rounds."""
        reporter = self._reporter
        if reporter is not None and not self.is_paused:
            with self._boundaries:
                reporter.intervals.look()
        recycler = self._recycler
        if recycler is not None:
            recycler.look()
        if reporter is not None:
            reporter.boxes.look()

    def _drains(self, draining: bool) -> None:
        self.draining = draining

    def _share(self) -> float:
        """Return the share of a core that the keeper's rounds may use."""
        return self._reporter.share_of_rounds() if self._reporter is not None else 1.0

    def _is_in_a_window(self) -> bool:
        """Let an idle window settle; tell whether one is active that the keeper's own work would spoil."""
        watch = self._watch
        if watch is None or self.is_paused:
            return False
        with self._boundaries:
            watch.observer.tick()
        return watch.observer.active

    def _refuse(self, settings: Settings) -> None:
        if settings != self.settings and settings not in self._refused:
            self._refused.append(settings)
            names = ", ".join(self.settings.differences(settings))
            log.warning("memguard: this process is already watched with other settings; these are not used: %s", names)


_process = Standing()
