"""The store in Redis, for workers of many hosts: the same as the file, under keys that expire by themselves.

All keys begin with a prefix that holds the version of what is in them, so that two versions of memguard never read each
other's, and the service. Values are the rows of `rows.py` as
JSON. A worker's timeline is a ring of slots for each tier, as in the file.
"""

import json
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from memguard.commands import Command
from memguard.model import (
    Event,
    Finding,
    Flush,
    Operation,
    OperationStats,
    Stored,
    TimelinePoint,
    UnitRecord,
    WorkerId,
)
from memguard.snapshots import Kept, Snapshot
from memguard.store import known, rows
from memguard.store.attempts import Limit
from memguard.store.bounds import Bounds
from memguard.store.pruning import EVENTS_KEPT, UNITS_KEPT, WORKERS_KEPT
from memguard.store.redis_allocated import Allocated
from memguard.store.redis_asked import Asked
from memguard.store.redis_curve import Curve
from memguard.store.redis_heard import Heard
from memguard.store.redis_keys import Keys, append, decoded, key_of, packed_row, rows_of

KNOWN_SECONDS = 366 * 86400
"""How long it is remembered since when a finding is known, after it was last told."""
SECONDS_BETWEEN_EXPIRES = 60.0
"""How often a worker says anew when its keys expire, and all that it knows."""


class RedisStore:
    """The rows of one service; every method raises what the client raises.

    Args:
        client: Decodes answers to text; its timeouts say how long a method takes at most.
        place: Its address without a password.
        service: Whose rows are written and read.
        bounds: How much is kept.
    """

    def __init__(self, client: Any, place: str, service: str, bounds: Bounds) -> None:
        self.service = service
        self.place = place
        self._client = client
        self._bounds = bounds
        self._keys = Keys(service)
        self._asked = Asked(client, self._keys, bounds)
        self._written: dict[Operation | str, OperationStats | Finding] = {}
        self._expires_at = -inf
        self._worker: WorkerId | None = None
        self._curve = Curve(client, self._keys, bounds)
        self._allocated = Allocated(client, self._keys, bounds)
        self._heard = Heard(client, self._keys)

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing to say: what goes wrong here is raised."""
        return ()

    def flush(self, flush: Flush) -> None:
        """Write all that a worker has to tell, in one transaction and two round trips at most."""
        state, keys = flush.worker, self._keys
        if self._worker != state.id:
            self._worker, self._expires_at = state.id, -inf
            self._curve.forget()
        is_due = not 0 <= state.last_seen - self._expires_at < SECONDS_BETWEEN_EXPIRES
        forgotten = self._known_too_many() if is_due else []
        if is_due:  # whoever has emptied this Redis has emptied it of what does not change, too
            self._written.clear()
        changed = {each.judgement.operation: each for each in flush.operations}
        changed = {operation: each for operation, each in changed.items() if self._written.get(operation) != each}
        found = {each.fingerprint: each for each in flush.findings if self._written.get(each.fingerprint) != each}
        me = keys.worker(state.id)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.workers, {me: state.last_seen})
            pipe.hset(keys.of(me, "worker"), "state", packed_row(rows.from_worker(state)))
            if changed:
                told = {key_of(of): packed_row(rows.from_operation(each)) for of, each in changed.items()}
                pipe.hset(keys.of(me, "operations"), mapping=told)
            if found:
                pipe.hset(
                    keys.of(me, "findings"), mapping={name: rows.from_finding(each)[2] for name, each in found.items()}
                )
                pipe.hset(keys.known, mapping=self._remembered(found.values()))
            self._curve.write(pipe, me, flush.timeline)
            append(
                pipe,
                keys.units,
                [packed_row((me, *rows.from_unit(unit))) for unit in flush.units[-UNITS_KEPT:]],
                UNITS_KEPT,
            )
            append(pipe, keys.events, [packed_row((me, *rows.from_event(each))) for each in flush.events], EVENTS_KEPT)
            if is_due:
                self._expire(pipe, me, state.last_seen)
            if forgotten:
                pipe.hdel(keys.known, *forgotten)
            pipe.execute()
        self._expires_at = state.last_seen if is_due else self._expires_at
        self._written.update(changed.items())
        self._written.update(found.items())

    def _remembered(self, found: Iterable[Finding]) -> dict[str, str]:
        told = list(found)
        before = self._client.hmget(self._keys.known, [each.fingerprint for each in told])
        kept = {}
        for each, text in zip(told, before, strict=True):
            first, last, returned = decoded(json.loads, text) if text else (each.first_seen, each.last_seen, None)
            returned = each.first_seen if each.first_seen > last + known.SILENCE else returned
            kept[rows.text(each.fingerprint)] = packed_row(
                (min(first, each.first_seen), max(last, each.last_seen), returned)
            )
        return kept

    def _known_too_many(self) -> list[str]:
        """Return the fingerprints that are told no more, beyond those that were told last."""
        if self._client.hlen(self._keys.known) <= known.KEPT:
            return []
        last = {name: decoded(json.loads, text)[1] for name, text in self._client.hgetall(self._keys.known).items()}
        return sorted(last, key=lambda name: last[name])[: -known.KEPT]

    def _expire(self, pipe: Any, me: str, now: float) -> None:
        keys, seconds = self._keys, int(self._bounds.retention)
        curves = [keys.curve(me, tier.number) for tier in self._bounds.tiers]
        of_worker = [keys.of(me, kind) for kind in ("worker", "operations", "findings")]
        for key in (*of_worker, *curves, keys.workers, keys.events, keys.units):
            pipe.expire(key, seconds)
        pipe.expire(keys.known, KNOWN_SECONDS)
        pipe.zadd(keys.services, {self.service: now})
        pipe.zremrangebyscore(keys.services, -inf, now - seconds)
        pipe.expire(keys.services, KNOWN_SECONDS)
        pipe.zremrangebyrank(keys.workers, 0, -WORKERS_KEPT - 1)

    def count_workers(self, since: float) -> int:
        """Return how many workers have told something after a moment."""
        return int(self._client.zcount(self._keys.workers, f"({since!r}", inf))

    def read(self, *, folded: bool = False) -> Stored:
        """Return all that is kept of the service, as of one moment; of the events the newest 200."""
        return self._heard.read(shortened=folded)

    def _workers(self, since: float = -inf) -> list[str]:
        return [str(me) for me in self._client.zrangebyscore(self._keys.workers, since, inf)]

    def timeline(
        self, *, since: float = 0.0, until: float = inf, step: float | None = None, limit: int = 1000
    ) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first; of each worker and step the highest figures."""
        workers = self._client.zrangebyscore(self._keys.workers, since, inf, withscores=True)
        return self._curve.read(workers, step, since=since, until=until)[-limit:]

    def events(self, *, since: float = 0.0, until: float = inf, limit: int = 1000) -> list[tuple[WorkerId, Event]]:
        """Return the newest events after `since`, oldest first."""
        told = rows_of(self._client.lrange(self._keys.events, 0, -1), rows.to_event)
        return [(of, event) for of, event in told if since < event.at <= until][-limit:]

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""
        first = 0 if operation is not None else -limit
        told = rows_of(self._client.lrange(self._keys.units, first, -1), rows.to_unit)
        named = rows.text(operation) if operation is not None else None
        return [(of, unit) for of, unit in told if unit.at > since and named in {None, unit.operation.name}][-limit:]

    def services(self) -> list[str]:
        """Return the names of all services that this Redis holds."""
        return sorted(str(name) for name in self._client.zrange(self._keys.services, 0, -1))

    def add_commands(self, commands: Sequence[Command]) -> None:
        """Ask workers to do something."""
        self._asked.add(commands)

    def take_commands(self, worker: WorkerId, now: float) -> list[Command]:
        """Return what waits for a worker; from then on it is running."""
        return self._asked.take(worker, now)

    def update_command(self, command: Command) -> None:
        """Say what has become of a command."""
        self._asked.update(command)

    def commands(self, *, limit: int = 200) -> list[Command]:
        """Return the newest commands, newest first."""
        return self._asked.newest(limit)

    def add_snapshot(self, worker: WorkerId, snapshot: Snapshot) -> None:
        """Keep a worker's latest snapshot; one of a worker that has told nothing yet is not kept."""
        self._asked.add_snapshot(worker, snapshot)

    def snapshots(self) -> list[tuple[WorkerId, Snapshot]]:
        """Return the latest snapshot of each worker, newest first."""
        return self._asked.snapshots(self._workers())

    def add_allocations(self, worker: WorkerId, kept: Kept, body: bytes, *, most: int) -> None:
        """Keep a snapshot of allocations; one of a worker that has told nothing yet is not kept."""
        self._allocated.add(worker, kept, body, most)

    def allocations(self) -> list[tuple[WorkerId, Kept]]:
        """Return what is said of the snapshots of allocations, newest first."""
        return self._allocated.all()

    def allocations_of(self, name: str) -> bytes | None:
        """Return one of them, None where it is not there."""
        return self._allocated.body(name)

    def allow_login(self, peer: str, now: float, limit: Limit) -> bool:
        """Note an attempt to log in and return True, unless there were too many."""
        return self._asked.allow_login(peer, now, limit)

    def forget_logins(self, peer: str) -> None:
        """Forget the attempts from an address: one of them was right."""
        self._asked.forget_logins(peer)

    def close(self) -> None:
        """Close this process's connections."""
        self._client.close()
