"""Alerts of a service, told by one of its workers: the one that has lived longest, in a thread of its own.

Every worker looks at the store now and then whether it is the one. What was told is kept as events there, so that the
next one goes on where the last one ended.
"""

import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from math import inf
from time import monotonic, time

from memguard.alerting import Rule, parse_rule
from memguard.commands import Action, Command
from memguard.export.alerts.alarm import Alarm, Limits, Notice
from memguard.export.alerts.post import Post
from memguard.export.alerts.rules import HOUR, View, causes
from memguard.export.channels import Channel, channel
from memguard.forking import undivided
from memguard.model import Event, Finding, Known, Stored, WorkerId, WorkerState
from memguard.residue.ageing import History
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store import Store

SECONDS_BETWEEN, SECONDS_BETWEEN_ATTEMPTS = 10.0, 1.0
ALIVE_SECONDS = 10.0
ENDED = frozenset({"stopped", "died", "gone"})
STOP_SECONDS_MOST = 2.0
EVENTS_READ, POINTS_READ = 10_000, 20_000
REMEMBERED_SECONDS = 86_400.0


class _Act:
    """A channel that does not tell anybody: it has the worker that it is about look at itself."""

    def __init__(self, action: Action, seconds: float, store: Store, here: str) -> None:
        self.name = action
        self._action: Action = action
        self._seconds = seconds
        self._store, self._here = store, here

    def send(self, notice: Notice, service: str) -> None:  # noqa: ARG002 - as every channel
        """Give the command, once it fires, to the worker that it is about; where that has gone, to the busiest."""
        if notice.state == "resolved":
            return
        now, about = time(), notice.cause.worker
        stored = self._store.read()
        kinds = {each.kind for each in stored.workers if each.id == about}
        living = _living(stored, now, self._here)
        likely = [each for each in living if each.kind in kinds] or living
        # One, never all: what it does slows a worker down.
        found = next((each for each in living if each.id == about), None) or max(
            likely, key=lambda each: each.units_total, default=None
        )
        if found is not None:
            command = Command(secrets.token_hex(8), self._action, found.id, now, now, self._seconds)
            self._store.add_commands([command])


class Alerting:
    """One per process."""

    def __init__(self, settings: Settings, store: Store, worker: WorkerId) -> None:
        self._store, self._worker = store, worker
        self._rules: tuple[Rule, ...] = tuple(map(parse_rule, settings.alert_rules))
        self._limits = Limits(settings.alert_cooldown, settings.alerts_per_hour)
        self._alarm: Alarm | None = None
        self._events: deque[Event] = deque(maxlen=EVENTS_READ)
        self._part = Part("alerts")
        self._stopped = threading.Event()
        with undivided():
            channels = tuple(self._channel(each) for each in settings.alerts)
        self._post = Post(settings.service, channels, monotonic)
        self._thread = threading.Thread(target=self._run, name="memguard-alerts", daemon=True)
        self._thread.start()

    def take_events(self) -> list[Event]:
        """Return what was told since the last call, and what could not be delivered; for the store."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def stop(self) -> None:
        """End the thread; wait a moment for what it is just sending."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS_MOST)

    def look(self, now: float) -> None:
        """If this worker is the one, find out what is to be told, and hand it to the post."""
        stored = self._store.read()
        living = _living(stored, now, self._worker.host)
        if min((each.id for each in living), key=_age, default=None) != self._worker:
            self._alarm = None
            return
        if self._alarm is None:
            told = self._store.events(since=now - REMEMBERED_SECONDS, until=now, limit=EVENTS_READ)
            self._alarm = Alarm(self._limits, (event for _, event in told))
        notices = self._alarm.step(now, causes(self._rules, self._view(stored, living, now)))
        self._events.extend(notice.event() for notice in notices)
        self._post.take(notices)

    def deliver(self) -> None:
        """Send what is due."""
        self._post.deliver()
        self._events.extend(self._post.events)
        self._post.events.clear()

    def _channel(self, written: object) -> Channel:
        if isinstance(written, str) and written == "snapshot":
            return _Act("snapshot", 0.0, self._store, self._worker.host)
        if isinstance(written, str) and written.startswith("trace:"):
            seconds = float(written.removeprefix("trace:").rstrip("s"))
            return _Act("trace", seconds, self._store, self._worker.host)
        return channel(written)  # type: ignore[arg-type]  # the settings have checked it

    def _run(self) -> None:
        next_look = 0.0
        while self._part.on and not self._stopped.wait(SECONDS_BETWEEN_ATTEMPTS):
            with self._part:
                if monotonic() >= next_look:
                    next_look = monotonic() + SECONDS_BETWEEN
                    self.look(time())
                self.deliver()

    def _view(self, stored: Stored, living: list[WorkerState], now: float) -> View:
        ids = {each.id for each in living}
        history = History(stored, dict.fromkeys(ids, True))
        standing = history.standing(stored.findings)
        curves: defaultdict[WorkerId, list[tuple[float, int]]] = defaultdict(list)
        if any(rule.measure == "slope" for rule in self._rules):
            for worker, point in self._store.timeline(since=now - HOUR, step=30, limit=POINTS_READ):
                curves[worker].append((point.at, point.rss_bytes))
        return View(
            now=now,
            workers=tuple(living),
            operations=tuple(row for row in stored.operations if row[0] in ids),
            findings=tuple(standing),
            known=stored.known,
            back=_back(history, standing, stored.known),
            events=stored.events,
            curves={worker: tuple(points) for worker, points in curves.items()},
        )


def _living(stored: Stored, now: float, here: str) -> list[WorkerState]:
    """Return who told something just now; what lies in the future was told before the clock of this host was set back."""
    return [
        each
        for each in stored.workers
        if each.state not in ENDED
        and (-ALIVE_SECONDS if each.id.host == here else -inf) <= now - each.last_seen <= ALIVE_SECONDS
    ]


def _age(worker: WorkerId) -> tuple[float, str, int]:
    return worker.started_at, worker.host, worker.pid


def _back(history: History, standing: list[tuple[WorkerId, Finding]], known: Iterable[Known]) -> dict[str, float]:
    """Return when each finding was told again after it was gone, of those that were."""
    told: defaultdict[str, list[tuple[WorkerId, Finding]]] = defaultdict(list)
    for worker, finding in standing:
        told[finding.fingerprint].append((worker, finding))
    remembered = {each.fingerprint: each for each in known}
    since = {print_: history.back_since(rows, remembered.get(print_)) for print_, rows in told.items()}
    return {print_: at for print_, at in since.items() if at is not None}
