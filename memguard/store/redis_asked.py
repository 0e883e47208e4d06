"""Commands, snapshots and login attempts in Redis."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from memguard.commands import RUNNING_SECONDS, TRACE_SECONDS_MOST, WAITING_SECONDS, Command
from memguard.model import WorkerId
from memguard.snapshots import Snapshot
from memguard.store import rows
from memguard.store.asked import KEPT, to_command
from memguard.store.attempts import Limit
from memguard.store.bounds import Bounds
from memguard.store.redis_keys import Keys, decoded, worker_of
from memguard.store.seen import to_snapshot

_WAITING_EXPIRES = int(WAITING_SECONDS + TRACE_SECONDS_MOST + RUNNING_SECONDS)


class Asked:
    """Of one service; its methods are those of the store."""

    def __init__(self, client: Any, keys: Keys, bounds: Bounds) -> None:
        self._client = client
        self._keys = keys
        self._seconds = int(bounds.retention)

    def add(self, commands: Sequence[Command]) -> None:
        """Ask workers to do something, and forget all but the newest commands."""
        if not commands:
            return
        keys = self._keys
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(keys.commands, mapping={each.id: rows.packed(asdict(each)) for each in commands})
            pipe.zadd(keys.asked, {each.id: each.asked_at for each in commands})
            for each in commands:
                waiting = keys.of(keys.worker(each.worker), "waiting")
                pipe.rpush(waiting, each.id)
                pipe.expire(waiting, _WAITING_EXPIRES)
            pipe.expire(keys.commands, self._seconds)
            pipe.expire(keys.asked, self._seconds)
            pipe.zrange(keys.asked, 0, -KEPT - 1)
            old = pipe.execute()[-1]
        if old:
            with self._client.pipeline(transaction=True) as pipe:
                pipe.hdel(keys.commands, *old)
                pipe.zrem(keys.asked, *old)
                pipe.execute()

    def take(self, worker: WorkerId, now: float) -> list[Command]:
        """Return what waits for a worker; from then on it is running."""
        keys = self._keys
        waiting = keys.of(keys.worker(worker), "waiting")
        with self._client.pipeline(transaction=True) as pipe:
            pipe.lrange(waiting, 0, -1)
            pipe.delete(waiting)
            names = pipe.execute()[0]
        if not names:
            return []
        found = [decoded(to_command, text) for text in self._client.hmget(keys.commands, names) if text]
        taken = [
            replace(each, state="running", changed_at=now) for each in found if now - each.asked_at <= WAITING_SECONDS
        ]
        for each in taken:
            self.update(each)
        return taken

    def update(self, command: Command) -> None:
        """Say what has become of a command; nothing happens where it is forgotten."""
        if self._client.hexists(self._keys.commands, command.id):
            self._client.hset(self._keys.commands, command.id, rows.packed(asdict(command)))

    def newest(self, limit: int) -> list[Command]:
        """Return the newest commands, newest first."""
        names = self._client.zrange(self._keys.asked, 0, limit - 1, desc=True)
        if not names:
            return []
        return [decoded(to_command, text) for text in self._client.hmget(self._keys.commands, names) if text]

    def add_snapshot(self, worker: WorkerId, snapshot: Snapshot) -> None:
        """Keep a worker's latest snapshot; one of a worker that has told nothing yet is not kept."""
        key = self._keys.of(self._keys.worker(worker), "worker")
        if self._client.exists(key):
            self._client.hset(key, "snapshot", rows.packed(asdict(snapshot)))

    def snapshots(self, workers: Sequence[str]) -> list[tuple[WorkerId, Snapshot]]:
        """Return the latest snapshot of each of these workers, newest first."""
        with self._client.pipeline(transaction=False) as pipe:
            for me in workers:
                pipe.hget(self._keys.of(me, "worker"), "snapshot")
            told = pipe.execute()
        found = [
            (worker_of(me), decoded(to_snapshot, text))
            for me, text in zip(workers, told, strict=True)
            if text is not None
        ]
        return sorted(found, key=lambda each: -each[1].at)

    def allow_login(self, peer: str, now: float, limit: Limit) -> bool:
        """Note an attempt to log in and return True, unless there were too many.

        It is noted before it is counted, so that of attempts that come at once none is free.
        """
        sets = [self._keys.attempts(peer), self._keys.attempts(None)]
        mine = secrets.token_hex(8)
        with self._client.pipeline(transaction=True) as pipe:
            for key in sets:
                pipe.zadd(key, {mine: now})
                pipe.zremrangebyrank(key, 0, -limit.of_all - 2)
                pipe.zcount(key, f"({now - limit.seconds!r}", now)
                pipe.expire(key, int(limit.seconds) + 1)
            told = pipe.execute()
        if told[2] <= limit.of_one and told[6] <= limit.of_all:
            return True
        with self._client.pipeline(transaction=True) as pipe:
            for key in sets:
                pipe.zrem(key, mine)
            pipe.execute()
        return False

    def forget_logins(self, peer: str) -> None:
        """Forget the attempts from an address: one of them was right."""
        keys = self._keys
        mine = self._client.zrange(keys.attempts(peer), 0, -1)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(keys.attempts(peer))
            if mine:
                pipe.zrem(keys.attempts(None), *mine)
            pipe.execute()
