"""The names of keys in Redis, and what is read from them."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import redis

from memguard.model import Known, Operation, WorkerId
from memguard.store import rows

VERSION = 1
"""Of what is in the keys. A memguard of another version has keys of its own beside these."""
PREFIX = f"memguard:{VERSION}"

_Value = TypeVar("_Value")


class Keys:
    """All keys of one service."""

    def __init__(self, service: str) -> None:
        self._prefix = f"{PREFIX}:{rows.text(service)}"
        self.workers, self.known, self.events, self.units, self.commands, self.asked = (
            f"{self._prefix}:{name}" for name in ("workers", "known", "events", "units", "commands", "asked")
        )
        self.allocations = f"{self._prefix}:allocations"
        self.services = PREFIX

    def worker(self, worker: WorkerId) -> str:
        """Return the name of a worker, in the set of workers and in its own keys."""
        return f"{rows.text(worker.host)}|{worker.pid}|{worker.started_at!r}"

    def of(self, worker: str, kind: str) -> str:
        """Return the key of one kind of what a worker told."""
        return f"{self._prefix}:{kind}:{worker}"

    def curve(self, worker: str, tier: int) -> str:
        """Return the key of one tier of a worker's timeline."""
        return f"{self._prefix}:curve{tier}:{worker}"

    def attempts(self, peer: str | None) -> str:
        """Return the key of login attempts from an address, of all for None."""
        return f"{self._prefix}:attempts" + ("" if peer is None else f":{rows.text(peer)[:256]}")


def worker_of(name: str) -> WorkerId:
    """Return the worker of its name."""
    return decoded(_to_worker, name)


def checked(name: object) -> str:
    """Return the name of a worker; raise the client's own error where it is none."""
    worker_of(str(name))
    return str(name)


def _to_worker(name: str) -> WorkerId:
    host, pid, started_at = name.rsplit("|", 2)
    return WorkerId(host, int(pid), float(started_at))


def decoded(make: Callable[..., _Value], told: object) -> _Value:
    """Return what a value says; raise the client's own error where somebody has put something else there."""
    try:
        return make(told)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise redis.DataError(f"a value is not memguard's: {type(error).__name__}") from error


def packed_row(row: Sequence[Any]) -> str:
    """Return a row of `rows.py` as text."""
    return rows.packed(row)


def made_of(make: Callable[[rows.Row], _Value], text: object) -> _Value:
    """Return what such a row says."""
    return decoded(lambda told: make(tuple(json.loads(told))), text)


def rows_of(texts: Iterable[str], make: Callable[[rows.Row], _Value]) -> Iterator[tuple[WorkerId, _Value]]:
    """Yield what rows of several workers say, each with its worker."""
    for text in texts:
        me, *row = decoded(json.loads, text)
        yield worker_of(me), decoded(make, tuple(row))


def key_of(operation: Operation) -> str:
    """Return what an operation is known by among a worker's."""
    return packed_row((operation.kind, operation.name))


def known_of(fingerprint: str, text: str) -> Known:
    """Return what is remembered of a finding."""
    first, _, returned = decoded(json.loads, text)
    return Known(fingerprint, first, returned)


def append(pipe: Any, key: str, told: list[str], kept: int) -> None:
    """Add to a list, of which the newest are kept."""
    if told:
        pipe.rpush(key, *told)
        pipe.ltrim(key, -kept, -1)
