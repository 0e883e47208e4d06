"""Turns what a process knows into what the store keeps: worker state, operations, findings, units, timeline, events."""

import logging
from hashlib import sha256
from time import process_time, thread_time, time

from memguard import safety
from memguard.explain.patterns import UNKNOWN
from memguard.explain.sites import describe
from memguard.instruments.rss import memory_limit
from memguard.model import Event, Finding, Flush, Judgement, OperationStats, TimelinePoint, WorkerState
from memguard.recycling.servers import detect
from memguard.settings import Ceiling, Settings
from memguard.store import Store
from memguard.units import format_bytes
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

SECONDS_BETWEEN_VERDICTS, SECONDS_BETWEEN_VERDICTS_MOST = 3.0, 15.0
VERDICT_SHARE_MOST = 0.002
"""Share of a core that verdicts may use: a costly round of them is followed by a longer pause."""
BUSY_SHARE_LEAST = 0.1
"""Shares of "the process's time" are of the CPU it used, counted as at least this part of a core: of an idle
process any work would be most of its time."""
EAGER_SECONDS = 30.0
"""An operation without a verdict is worth windows only while units of it come."""


class Reporter:
    """One per process, used by the keeper thread, or under its lock."""

    def __init__(self, watch: Watch, store: Store, settings: Settings, *, kind: str, server: str | None) -> None:
        self._watch = watch
        self._store = store
        self._settings = settings
        self._kind = kind
        self._server = server
        self._judged: tuple[OperationStats, ...] = ()
        self._findings: dict[str, Finding] = {}
        self._events = [Event(time(), "started", {"kind": kind, "mode": settings.mode})]
        self._last_round, self._last_cpu = time(), process_time()
        self._busy_seconds = self._beside_seconds = 0.0
        self._next_verdict = 0.0
        self._ceiling = _in_bytes(settings.rss_ceiling, watch.baseline)
        self._over_ceiling = ""

    def round(self, keeper_seconds: float) -> None:
        """Grant windows their time, judge when it is due, and write everything to the store."""
        self._grant(keeper_seconds)
        if time() >= self._next_verdict:
            self._judge()
        self.flush("serving")

    def flush(self, state: str) -> None:
        """Write everything to the store now; `state` is `serving` or `stopped`."""
        now = time()
        rss = self._watch.rss.read(self._settings.rss_metric)
        self._watch_ceiling(rss, now)
        if state == "stopped":
            self._events.append(Event(now, "stopped", {"units_total": self._watch.begun, "rss_bytes": rss}))
        events, self._events = tuple(self._events), []
        tracing = self._watch.tracing
        meter = self._watch.meter
        self._store.flush(
            Flush(
                worker=self._state(state, now, rss),
                operations=self._watch.ledger.stats(self._judged),
                findings=tuple(self._findings.values()),
                units=meter.records.drain() if meter is not None else (),
                timeline=(TimelinePoint(now, rss, tracing.read()[0] if tracing.on else None, self._watch.begun),),
                events=events,
            )
        )

    def _state(self, state: str, now: float, rss: int) -> WorkerState:
        watch = self._watch
        if self._server is None:
            self._server = detect()
        notes = [watch.observer.note, self._over_ceiling, *self._mode_notes(), *self._store.notes, *safety.notes()]
        return WorkerState(
            id=watch.worker_id,
            kind=self._kind,
            server=self._server,
            mode=self._settings.mode,
            state=state,
            last_seen=now,
            rss_bytes=rss,
            rss_baseline_bytes=watch.baseline,
            ceiling_bytes=self._ceiling,
            units_total=watch.begun,
            in_flight=len(watch.live),
            windows_total=watch.ledger.windows,
            overhead_ratio=self._overhead(),
            notes=tuple(note for note in notes if note),
        )

    def _mode_notes(self) -> list[str]:
        if self._settings.mode != "trace":
            return []
        if self._watch.tracing.ours:
            return [
                "trace mode: tracemalloc slows every unit down 3 to 10 times, which overhead_ratio does not include"
            ]
        return ["tracemalloc was started by the application: peaks per unit are not reset and not reported"]

    def _overhead(self) -> float:
        own = self._watch.observer.seconds + self._beside_seconds
        return round(own / self._busy_seconds, 5) if self._busy_seconds else 0.0

    def _grant(self, keeper_seconds: float) -> None:
        """Give windows their share of the CPU time the process has used since the last round."""
        watch, now, cpu = self._watch, time(), process_time()
        busy = max(cpu - self._last_cpu, BUSY_SHARE_LEAST * (now - self._last_round))
        beside = watch.boundary_seconds + keeper_seconds
        watch.sampler.grant(busy, beside - self._beside_seconds, eager=self._is_eager(now))
        watch.observer.plan()
        self._busy_seconds += busy
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
            self._judged = self._watch.ledger.judge()
            for each in self._judged:
                verdict = each.judgement.verdict
                fingerprint = _fingerprint(each.judgement)
                if verdict == "leak" or fingerprint in self._findings:
                    self._find(fingerprint, each, now)
        used = thread_time() - started
        pause = max(SECONDS_BETWEEN_VERDICTS, used / VERDICT_SHARE_MOST)
        self._next_verdict = now + min(SECONDS_BETWEEN_VERDICTS_MOST, pause)

    def _find(self, fingerprint: str, stats: OperationStats, now: float) -> None:
        known = self._findings.get(fingerprint)
        residue = self._watch.ledger.residue(stats.judgement.operation)
        finding = self._findings[fingerprint] = Finding(
            fingerprint=fingerprint,
            judgement=stats.judgement,
            first_seen=known.first_seen if known else now,
            last_seen=now if stats.judgement.verdict == "leak" or known is None else known.last_seen,
            units_observed=stats.sampled_units,
            sites=tuple(describe(site) for site in residue.sites),
            types=residue.types,
            pattern=UNKNOWN,
        )
        if known is None:
            self._tell(finding, now)

    def _tell(self, finding: Finding, now: float) -> None:
        operation = finding.judgement.operation
        site = f"{finding.sites[0].file}:{finding.sites[0].line}" if finding.sites else None
        detail = {"fingerprint": finding.fingerprint, "kind": operation.kind, "name": operation.name, "site": site}
        self._events.append(Event(now, "finding", detail))
        if "log" in self._settings.alerts:
            log.warning(
                "memguard: %s %s leaks: %s%s",
                operation.kind,
                operation.name,
                "; ".join(finding.judgement.reasons),
                f"; allocated at {site}" if site else "",
            )

    def _watch_ceiling(self, rss: int, now: float) -> None:
        over = self._ceiling is not None and rss > self._ceiling
        if over and not self._over_ceiling:
            self._events.append(Event(now, "ceiling", {"rss_bytes": rss, "ceiling_bytes": self._ceiling}))
            log.warning(
                "memguard: RSS %s is over the ceiling of %s", format_bytes(rss), format_bytes(self._ceiling or 0)
            )
        self._over_ceiling = (
            f"RSS is over the ceiling of {format_bytes(self._ceiling)}; this version reports it and does not recycle"
            if over and self._ceiling is not None
            else ""
        )


def _fingerprint(judgement: Judgement) -> str:
    operation = judgement.operation
    return sha256(f"{operation.kind}\0{operation.name}".encode()).hexdigest()[:16]


def _in_bytes(ceiling: Ceiling | None, baseline: int) -> int | None:
    if ceiling is None:
        return None
    if ceiling.bytes is not None:
        return ceiling.bytes
    if ceiling.share is not None:
        return round(ceiling.share * memory_limit())
    return round((ceiling.of_baseline or 0.0) * baseline)
