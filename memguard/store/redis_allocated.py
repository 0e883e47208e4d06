"""Snapshots of allocations in Redis: what is said of them in one hash, each one's stacks under a key of its own."""

import base64
import binascii
from dataclasses import asdict
from typing import Any

from memguard.model import WorkerId
from memguard.snapshots import Kept
from memguard.store import rows
from memguard.store.allocated import KEPT_MOST, SHARE_MOST, to_kept
from memguard.store.bounds import Bounds
from memguard.store.redis_keys import Keys, decoded, worker_of


class Allocated:
    """Of one service; its methods are those of the store."""

    def __init__(self, client: Any, keys: Keys, bounds: Bounds) -> None:
        self._client = client
        self._keys = keys
        self._bounds = bounds

    def add(self, worker: WorkerId, kept: Kept, body: bytes, most: int) -> None:
        """Keep one, and so many of its worker at most; the oldest of any worker go where there is no room."""
        me = self._keys.worker(worker)
        if not self._client.exists(self._keys.of(me, "worker")):
            return
        told = base64.b64encode(body).decode()
        seconds = int(self._bounds.retention)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(self._key(kept.id), told, ex=seconds)
            pipe.hset(self._keys.allocations, kept.id, f"{me}\n{len(told)}\n{rows.packed(asdict(kept))}")
            pipe.expire(self._keys.allocations, seconds)
            pipe.execute()
        self._forget(most)

    def all(self) -> list[tuple[WorkerId, Kept]]:
        """Return what is said of each, newest first."""
        return [(worker_of(me), kept) for me, _, kept in self._told()]

    def body(self, name: str) -> bytes | None:
        """Return the stacks of one, None where it is not there (any more)."""
        told = self._client.get(self._key(name))
        return None if told is None else decoded(_decoded, told)

    def _told(self) -> list[tuple[str, int, Kept]]:
        found = [decoded(_parts, told) for told in self._client.hvals(self._keys.allocations)]
        return sorted(found, key=lambda each: -each[2].at)

    def _forget(self, most: int) -> None:
        left, of_worker, gone = self._bounds.size * SHARE_MOST, dict[str, int](), list[str]()
        for number, (me, size, kept) in enumerate(self._told()):
            left -= size
            of_worker[me] = of_worker.get(me, 0) + 1
            if left < 0 or number >= KEPT_MOST or of_worker[me] > most:
                gone.append(kept.id)
        if gone:
            with self._client.pipeline(transaction=True) as pipe:
                pipe.hdel(self._keys.allocations, *gone)
                pipe.delete(*map(self._key, gone))
                pipe.execute()

    def _key(self, name: str) -> str:
        return f"{self._keys.allocations}:{rows.text(name)[:64]}"


def _parts(told: str) -> tuple[str, int, Kept]:
    me, size, about = told.split("\n", 2)
    return me, int(size), to_kept(about)


def _decoded(told: str) -> bytes:
    try:
        return base64.b64decode(told, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
