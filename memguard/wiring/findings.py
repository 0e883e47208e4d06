"""Findings: what is accused, told once it is explained, and kept up to date from then on."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic

from memguard.evidence import Holder, Site, TypeCount
from memguard.explain import sites
from memguard.explain.patterns import recognise
from memguard.explain.storing import storing_line
from memguard.instruments.end_of_life import SECONDS_LATE
from memguard.model import Event, Finding, Judgement, Operation, OperationStats
from memguard.readings import Clues, Trace
from memguard.residue.criteria import SURE
from memguard.settings import Settings
from memguard.wiring.search import Search
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

HOLDER_TRIES = 4
SECONDS_BETWEEN_TRIES = 5.0
SECONDS_TO_EXPLAIN = 15.0
"""A finding is told when its site and holder are known, or after these seconds without."""
SITES_SHOWN = 5
LATE_LEAST = 6
"""So many requests must have outlived their end: one or two are what an idle server still holds."""


@dataclass(slots=True)
class _Case:
    """What is being found out about an accused operation."""

    since: float
    holder: Holder | None = None
    tries: int = 0
    next_try: float = 0.0
    is_told: bool = False


class Findings:
    """One per process, used by the keeper thread or under its lock."""

    def __init__(self, watch: Watch, settings: Settings, search: Search) -> None:
        self._watch = watch
        self._settings = settings
        self._search = search
        self._findings: dict[str, Finding] = {}
        self._cases: dict[str, _Case] = {}

    def all(self) -> tuple[Finding, ...]:
        """Return every finding of this process, as it is known now."""
        return tuple(self._findings.values())

    def update(self, judged: Iterable[OperationStats], now: float) -> None:
        """Take new verdicts into account, under the observer's lock; `now` in seconds since the epoch."""
        for stats in judged:
            judgement = stats.judgement
            fingerprint = fingerprint_of(judgement.operation)
            is_known = fingerprint in self._findings
            if judgement.verdict != "leak" and not is_known:
                continue
            self._cases.setdefault(fingerprint, _Case(monotonic()))
            self._findings[fingerprint] = self._finding(fingerprint, stats, now)
            if judgement.verdict == "leak":
                self._wish(judgement, self._cases[fingerprint])

    def explain(self) -> None:
        """Search for a holder that is not known yet; looks at the whole heap, so it belongs to the keeper.

        One at a time: in between the keeper tells what it knows, and whoever asks for the report has his turn.
        """
        searches = self._search.searches
        for fingerprint, finding in self._findings.items():
            case = self._cases[fingerprint]
            if finding.judgement.verdict != "leak" or case.holder is not None or case.tries >= HOLDER_TRIES:
                continue
            if monotonic() < case.next_try:
                continue
            case.tries += 1
            case.next_try = monotonic() + SECONDS_BETWEEN_TRIES
            case.holder = self._find_holder(finding)
            if self._search.searches > searches:
                return

    def tell(self, now: float) -> list[Event]:
        """Return events of findings that are explained by now, or will not be; log them where that is asked for."""
        events = []
        for fingerprint, finding in self._findings.items():
            case = self._cases[fingerprint]
            is_explained = bool(finding.sites) and finding.holder is not None
            if case.is_told or not (is_explained or monotonic() - case.since >= SECONDS_TO_EXPLAIN):
                continue
            case.is_told = True
            events.append(self._told(finding, now))
        return events

    def _finding(self, fingerprint: str, stats: OperationStats, now: float) -> Finding:
        operation = stats.judgement.operation
        known, case = self._findings.get(fingerprint), self._cases[fingerprint]
        residue = self._watch.ledger.residue(operation)
        zoomed = self._watch.observer.zoom.traces(operation)
        clues = self._watch.ledger.clues(operation)
        clues = replace(clues, frames=tuple(trace.frames for trace in zoomed), holder=self._holder(operation, case))
        clues = replace(clues, types=self._types(clues))
        found = self._sites(operation, zoomed, clues.holder) or residue.sites
        return Finding(
            fingerprint=fingerprint,
            judgement=replace(stats.judgement, reasons=(*stats.judgement.reasons, *self._outliving(stats.judgement))),
            first_seen=known.first_seen if known else now,
            last_seen=now if stats.judgement.verdict == "leak" or known is None else known.last_seen,
            units_observed=stats.sampled_units,
            sites=tuple(map(_described, found[:SITES_SHOWN])),
            types=clues.types,
            pattern=recognise(clues),
            holder=clues.holder,
            attribution=self._attribution(operation, clues.holder),
        )

    def _sites(self, operation: Operation, zoomed: tuple[Trace, ...], holder: Holder | None) -> tuple[Site, ...]:
        """Return where it was allocated; first the line that keeps it, if no line of the application allocated it."""
        found, zoom = sites.blame(zoomed), self._watch.observer.zoom
        is_its_own = zoom.is_through_own_code(operation) or bool(
            zoomed and sites.is_application(zoomed[0].frames[0][0])
        )
        if holder is None or holder.size is None or is_its_own or not zoom.has_tried(operation):
            return found
        line = storing_line(self._watch.code.get(operation, ()), holder.path)
        if line is None:
            return found
        return (Site(*line, "", "", holder.size, 0, through=_allocated(zoomed)), *found)

    def _holder(self, operation: Operation, case: _Case) -> Holder | None:
        """Return the holder with its latest size and growth: the container that grows, else what a search found."""
        books, containers = self._watch.ledger.books, self._watch.observer.containers
        held, holder = books.watched.held(operation), case.holder
        place = containers.place(holder.path) if holder is not None else ""
        if held is None or held.trend.whole.z < SURE or held.path == place:
            held = books.watched.container(operation, place)
        else:
            # That it grows with this operation is certain; the objects that were searched may be another's.
            holder = _of_entries(containers.holders.get(held.path))
        if holder is None or held is None:
            return holder
        return replace(holder, size=held.size, growth_per_unit=round(max(0.0, held.trend.whole.value), 4))

    def _types(self, clues: Clues) -> tuple[TypeCount, ...]:
        """Return the types with those of a container's entries first: whose they are is most certain."""
        holder, types = clues.holder, clues.types
        if holder is not None and holder.size is not None:
            containers = self._watch.observer.containers
            types = (*containers.kept(containers.place(holder.path)), *types)
            if holder.chain and not holder.chain[-1].grows:
                types = (TypeCount(holder.chain[-1].type, holder.size), *types)
        known: dict[str, TypeCount] = {}
        for each in types:
            known.setdefault(each.type, each)
        return tuple(known.values())

    def _outliving(self, judgement: Judgement) -> Iterator[str]:
        """Yield a reason for each kind of object whose end of life is known and that most often outlives it."""
        if judgement.verdict != "leak":
            return
        for each in self._watch.end_of_life.followed():
            if each.operation == judgement.operation and each.late >= max(LATE_LEAST, each.looked / 2):
                yield (
                    f"of {each.looked} {each.label} objects that were looked at, {each.late} were still alive "
                    f"{SECONDS_LATE:.0f} s after their unit's end"
                )

    def _attribution(self, operation: Operation, holder: Holder | None) -> str:
        if self._watch.observer.zoom.is_through_own_code(operation):
            return "the allocations go through the operation's own code"
        watch = self._watch
        place = watch.observer.containers.place(holder.path) if holder is not None else ""
        if gains := watch.ledger.books.watched.witnessed(operation, place):
            return f"a unit of this operation, and of no other, was in flight at each of {gains} gains of the container"
        if holder is not None and holder.growth_per_unit > 0:
            return "the container that holds them grows with the units of this operation and not with others'"
        return self._watch.ledger.attribution(operation)

    def _find_holder(self, finding: Finding) -> Holder | None:
        books, operation = self._watch.ledger.books, finding.judgement.operation
        lasting, held = books.lasting(operation), books.watched.held(operation)
        if held is not None and held.trend.whole.z >= SURE:
            # That it grows with this operation is certain; objects of a type that lasts may be another's.
            return self._search.holder_of_entries(held.path)
        if lasting.is_sure and lasting.type:
            return self._search.holder(operation, lasting.type)
        return self._search.holder_of_late(operation)

    def _wish(self, judgement: Judgement, case: _Case) -> None:
        books, operation = self._watch.ledger.books, judgement.operation
        lasting, held = books.lasting(operation), books.watched.held(operation)
        is_certain = held is not None and held.trend.whole.z >= SURE
        path = (
            held.path
            if held is not None and is_certain
            else self._watch.observer.containers.place(case.holder.path)
            if case.holder
            else ""
        )
        rate = max(lasting.trend.whole.value if lasting.is_sure else 0.0, held.trend.whole.value if held else 0.0)
        types = (lasting.type,) if lasting.is_sure else ()
        self._watch.observer.zoom.wish(operation, types, path, rate)

    def _told(self, finding: Finding, now: float) -> Event:
        operation = finding.judgement.operation
        site = f"{finding.sites[0].file}:{finding.sites[0].line}" if finding.sites else None
        holder = finding.holder.path if finding.holder is not None else None
        if "log" in self._settings.alerts and not self._settings.alerts_are_wished:  # else one worker tells it for all
            log.warning(
                "memguard: %s %s leaks (%s): %s%s%s",
                operation.kind,
                operation.name,
                finding.pattern.id,
                "; ".join(finding.judgement.reasons),
                f"; allocated at {site}" if site else "",
                f"; held by {holder}" if holder else "",
            )
        detail = {"fingerprint": finding.fingerprint, "kind": operation.kind, "name": operation.name}
        return Event(now, "finding", {**detail, "site": site, "holder": holder, "pattern": finding.pattern.id})


def fingerprint_of(operation: Operation) -> str:
    """Return the fingerprint of what an operation leaks: the same in all workers, on all hosts, after every restart."""
    return sha256(f"{operation.kind}\0{operation.name}".encode()).hexdigest()[:16]


def _of_entries(holder: Holder | None) -> Holder | None:
    """Return the holder of a container's entries, from that of the container."""
    if holder is None or holder.path.endswith("]"):
        return holder
    return replace(holder, path=f"{holder.path}[…]")


def _allocated(traces: tuple[Trace, ...]) -> str:
    """Return the innermost line that allocated most of it, if that is a library's."""
    file, line = traces[0].frames[0] if traces else ("", 0)
    return f"{file}:{line}" if sites.is_library(file) else ""


def _described(site: Site) -> Site:
    return sites.describe(site)
