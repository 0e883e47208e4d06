"""Turns what a process knows into what the store keeps: worker state, operations, findings, units, timeline, events."""

from collections.abc import Callable
from time import perf_counter, process_time, thread_time, time
from typing import TYPE_CHECKING

from memguard import safety
from memguard.forking import undivided
from memguard.instruments.process import supervisor_started
from memguard.model import Event, Flush, OperationStats, TimelinePoint, WorkerState
from memguard.readings import Share
from memguard.recycling.record import grown
from memguard.recycling.servers import UNKNOWN, Server, detect
from memguard.settings import Settings
from memguard.store import Store
from memguard.wiring.boxes import Boxes
from memguard.wiring.commands import Commands
from memguard.wiring.findings import Findings
from memguard.wiring.intervals import Intervals
from memguard.wiring.recycler import Recycler
from memguard.wiring.search import Search
from memguard.wiring.watch import Watch

if TYPE_CHECKING:
    from memguard.wiring.alerting import Alerting

SECONDS_BETWEEN_VERDICTS, SECONDS_BETWEEN_VERDICTS_EAGER, SECONDS_BETWEEN_VERDICTS_MOST = 3.0, 6.0, 15.0
SECONDS_BETWEEN_OUTLOOKS = 30.0
"""Whether this worker could be replaced seldom changes, and is looked for in the frames of all threads."""
ROUNDS_SHARE = 0.2
"""Share of the overhead budget for the keeper's rounds, in which most is the writing to the store."""
VERDICT_SHARE_MOST = 0.2
"""Share of the overhead budget that verdicts may use: a costly round of them is followed by a longer pause."""
BUSY_SHARE_LEAST = 0.1
"""Shares of "the process's time" are of the CPU it used, counted as at least this part of a core: of an idle
process any work would be most of its time."""
SECONDS_FOR_SHARES = 0.5
EAGER_SECONDS = 30.0
"""An operation without a verdict is worth windows only while units of it come."""


def _alerting(settings: Settings, store: Store, watch: Watch) -> "Alerting | None":
    if settings.alerts_are_wished:
        with undivided():
            from memguard.wiring.alerting import Alerting

        return Alerting(settings, store, watch.worker_id)
    return None


class Reporter:
    """One per process, used by the keeper thread, or under its lock.

    Attributes:
        intervals: What the keeper looks at between its rounds.
        boxes: Writes down what this worker is in the middle of.
        recycler: Has the worker replaced when it is over its ceiling.
        alerting: Tells the service's alerts, if this worker is the one; None where nobody wishes for any.
        commands: What a person asks of this worker.
    """

    def __init__(
        self,
        watch: Watch,
        store: Store,
        settings: Settings,
        *,
        kind: str,
        server: Server | None,
        notes: tuple[str, ...],
        tell: Callable[[], None],
        drains: Callable[[bool], None],
    ) -> None:
        self._watch = watch
        self._store = store
        self._settings = settings
        self._kind = kind
        self._server = server
        self._notes = notes
        self._supervisor_started_at = supervisor_started()
        self._judged: tuple[OperationStats, ...] = ()
        self.intervals = Intervals(watch)
        self._search = Search(watch, show_keys=settings.show_keys)
        self._findings = Findings(watch, settings, self._search)
        self._events = [Event(time(), "started", {"kind": kind, "mode": settings.mode})]
        self._last_round, self._last_cpu = time(), process_time()
        self._busy_seconds = self._beside_seconds = 0.0
        self._busy_rate = BUSY_SHARE_LEAST
        self._explained_seconds = 0.0
        self._next_verdict = time() + SECONDS_BETWEEN_VERDICTS
        self._outlook, self._next_outlook = ("", ""), 0.0
        self.boxes = Boxes(
            watch,
            settings,
            store,
            kind=kind,
            server=lambda: server or detect(),
            is_leaving=lambda: self.recycler.is_leaving,
        )
        self.recycler = Recycler(
            watch, settings, kind=kind, server=server, grown=self._grown, tell=tell, drains=drains, goodbye=self.boxes.goodbye,
        )  # fmt: skip
        self.boxes.limit = self.recycler.lowest
        self.alerting = _alerting(settings, store, watch)
        self.commands = Commands(watch, store, settings, recycle=self.recycler.request)

    def round(self, keeper_seconds: float) -> None:
        """Grant windows their time, judge when it is due, and write everything to the store."""
        self._grant(keeper_seconds)
        is_over = self._overhead() > self._settings.overhead_budget
        if time() >= self._next_verdict + is_over * SECONDS_BETWEEN_VERDICTS:
            self._judge()
        self._search.scan_if_due(
            self._allowed(),
            is_eager=self._is_eager(time()),
            is_awaited=self._watch.ledger.awaits_search,
            is_over=is_over,
        )
        self._watch.end_of_life.look(perf_counter())
        started = thread_time()
        if self._search.confirm():
            self._judge()
        self._findings.explain()
        self._explained_seconds += thread_time() - started
        self._events += self._findings.tell(time())
        self.flush("serving")

    def flush(self, state: str) -> None:
        """Write everything to the store now; `state` is `serving` or `stopped`."""
        now, recycler = time(), self.recycler
        rss = self._watch.rss.read(self._settings.rss_metric)
        self._events += recycler.take_events()
        if self.alerting is not None:
            if state == "stopped":
                self.alerting.stop()
            self._events += self.alerting.take_events()
        state = recycler.state if state == "serving" else state
        if state == "stopped":
            self._events.append(Event(now, "stopped", {"units_total": self._watch.begun, "rss_bytes": rss}))
        events, self._events = tuple(self._events), []
        tracing = self._watch.tracing
        flush = Flush(
            worker=self._state(state, now, rss),
            operations=self._watch.ledger.stats(self._judged),
            findings=self._findings.all(),
            units=self._watch.records(),
            timeline=(TimelinePoint(now, rss, tracing.read()[0] if tracing.on else None, self._watch.begun),),
            events=events,
        )
        self._store.flush(flush)
        if self._watch.telemetry is not None:
            self._watch.telemetry.tell(flush)

    def _state(self, state: str, now: float, rss: int) -> WorkerState:
        watch = self._watch
        server, recycler = self._server or detect(), self.recycler
        if now >= self._next_outlook or server.name == UNKNOWN:
            self._outlook, self._next_outlook = recycler.outlook(), now + SECONDS_BETWEEN_OUTLOOKS
        notes = [
            watch.observer.note,
            self.commands.note,
            *recycler.notes(),
            *self.boxes.notes(),
            *self._notes,
            *self._mode_notes(),
            watch.inner_adapter
            and f"requests pass two adapters of memguard, {watch.inner_adapter} being the inner one, "
            "which does nothing: take one of them out",
            *self._store.notes,
            *safety.notes(),
        ]
        return WorkerState(
            id=watch.worker_id,
            kind=self._kind,
            server=server.name,
            mode=self._settings.mode,
            state=state,
            last_seen=now,
            rss_bytes=rss,
            rss_baseline_bytes=watch.baseline,
            ceiling_bytes=recycler.ceiling,
            units_total=watch.begun,
            in_flight=len(watch.live),
            windows_total=watch.ledger.windows,
            overhead_ratio=self._overhead(),
            notes=tuple(note for note in notes if note),
            hard_ceiling_bytes=recycler.hard_ceiling,
            rss_floor_bytes=recycler.memory.floor,
            release=self._settings.release or "",
            supervisor_started_at=self._supervisor_started_at,
            leaves=self._outlook[0],
            stays_because=self._outlook[1],
            inner_adapter=watch.inner_adapter,
        )

    def _mode_notes(self) -> list[str]:
        if self._settings.mode != "trace":
            return []
        if self._watch.tracing.ours:
            return [
                "trace mode: tracemalloc slows every unit down 3 to 10 times, which overhead_ratio does not include"
            ]
        return ["tracemalloc was started by the application: peaks per unit are not reset and not reported"]

    def share_of_rounds(self) -> float:
        """Return the share of a core that the keeper's rounds may use."""
        return ROUNDS_SHARE * self._allowed()

    def _allowed(self) -> float:
        """Return the CPU seconds per second that memguard may use in all."""
        return self._settings.overhead_budget * self._busy_rate

    def _overhead(self) -> float:
        own = self._watch.observer.seconds + self._beside_seconds + self._explained_seconds
        return round(own / self._busy_seconds, 5) if self._busy_seconds else 0.0

    def _grant(self, keeper_seconds: float) -> None:
        """Give windows their share of the CPU time the process has used since the last round."""
        watch, now, cpu = self._watch, time(), process_time()
        busy = max(cpu - self._last_cpu, BUSY_SHARE_LEAST * (now - self._last_round))
        # What an accusation costs to explain is bounded, and must not take other operations' windows.
        beside = watch.boundary_seconds + watch.closely.seconds + keeper_seconds - self._explained_seconds
        watch.sampler.grant(busy, beside - self._beside_seconds, eager=self._is_eager(now))
        watch.observer.plan()
        self._busy_seconds += busy
        self._busy_rate = max(BUSY_SHARE_LEAST, busy / max(now - self._last_round, 0.1))
        self._beside_seconds, self._last_round, self._last_cpu = beside, now, cpu

    def _is_eager(self, now: float) -> bool:
        return any(
            each.judgement.verdict == "suspect"
            or (each.judgement.verdict == "warming" and now - each.last_seen < EAGER_SECONDS)
            for each in self._watch.ledger.stats(self._judged)
        )

    def _judge(self) -> None:
        started, now = thread_time(), time()
        with self._watch.observer.lock:
            ledger = self._watch.ledger
            self._watch.closely.turn(ledger.books.watched, ledger.totals())
            self._judged = ledger.judge()
            self._findings.update(self._judged, now)
        used = thread_time() - started
        pause = max(SECONDS_BETWEEN_VERDICTS, used / (VERDICT_SHARE_MOST * self._allowed()))
        most = SECONDS_BETWEEN_VERDICTS_EAGER if self._is_eager(now) else SECONDS_BETWEEN_VERDICTS_MOST
        self._next_verdict = now + min(most, pause)

    def _grown(self) -> tuple[str, ...]:
        ledger, lock = self._watch.ledger, self._watch.observer.lock
        shares: tuple[Share, ...] = ()
        # Whoever leaves is asked for it by its own unit's thread, and that does not wait for long.
        if lock.acquire(timeout=SECONDS_FOR_SHARES):
            try:
                shares = ledger.books.shares()
            finally:
                lock.release()
        return grown(shares, ledger.stats(self._judged))
