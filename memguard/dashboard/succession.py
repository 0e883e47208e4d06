"""Who has come for whom: joined into the event of the worker that left, because its replacement tells it, and later."""

from collections.abc import Iterable
from dataclasses import replace

from memguard.model import Event, WorkerId
from memguard.recycling.coordinator import CLAIM_SECONDS
from memguard.store import Store

Told = tuple[WorkerId, Event]


def with_successors(told: Iterable[Told]) -> list[Told]:
    """Return events in the same order; the detail of each `recycle` says who came for it, as far as that is among them.

    `replaced_by` is the replacement's process id and `replaced_after_seconds` how long after the departure it had served
    its first unit; neither is there where nobody has told it.
    """
    events = list(told)
    left: dict[tuple[str, int], int] = {}
    """By host and process id the place of the last departure that nobody has come for yet."""
    for place in sorted(range(len(events)), key=lambda each: events[each][1].at):
        worker, event = events[place]
        if event.type == "recycle":
            left[worker.host, worker.pid] = place
        elif event.type == "replaced":
            found = left.pop((worker.host, event.detail.get("worker", 0)), None)
            if found is not None:
                who, departure = events[found]
                joined = {"replaced_by": worker.pid, "replaced_after_seconds": event.detail.get("seconds")}
                events[found] = who, replace(departure, detail={**departure.detail, **joined})
    return events


def events_of(store: Store, *, since: float, until: float, limit: int) -> list[Told]:
    """Return the newest events of a time, oldest first, joined with what was told of them after it."""
    told = store.events(since=since, until=until, limit=limit)
    after = store.events(since=until, until=until + CLAIM_SECONDS, limit=limit) if _has_departures(told) else []
    return with_successors([*told, *after])[: len(told)]


def _has_departures(told: Iterable[Told]) -> bool:
    return any(event.type == "recycle" for _, event in told)
