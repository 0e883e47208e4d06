"""All that the workers of a service told, read from Redis; those that tell nothing any more are remembered in short.

A day of recycled workers leaves thousands of rows, and the report is asked for every two seconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from memguard.model import Finding, Operation, OperationStats, Stored, WorkerId, WorkerState
from memguard.store import rows
from memguard.store.folding import QUIET_SECONDS, Row, accused, evident, folded, lightened
from memguard.store.redis_keys import Keys, checked, decoded, key_of, known_of, made_of, rows_of, worker_of

EVENTS_READ = 200
_Key = tuple[str, str]
"""A worker's name and a fingerprint."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What silent workers told, by the names of the workers.

    Never changed, only replaced: several threads may ask at once.

    Attributes:
        last_seen: Of each: who tells something after it is silent no more.
        sums: What all of them counted.
        findings: What each accuses, without evidence.
        single: What each counted of an operation that somebody accuses.
    """

    last_seen: dict[str, float] = field(default_factory=dict)
    sums: tuple[Row, ...] = ()
    findings: dict[_Key, Finding] = field(default_factory=dict)
    single: dict[Operation, tuple[Row, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one worker told."""

    id: WorkerId
    operations: list[OperationStats]
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class _Read:
    """What the texts of the last answer said."""

    operations: dict[str, OperationStats]
    findings: dict[str, Finding]


class Heard:
    """Reads it for one process; every method raises what the client raises."""

    def __init__(self, client: Any, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._quiet = _Remembered()
        self._before = _Read({}, {})

    def read(self, *, shortened: bool) -> Stored:
        """Return all that is kept, as of one moment; of the events the newest `EVENTS_READ`.

        Args:
            shortened: Operations never accused come as one row for each verdict, and of findings that many workers
                tell most come without evidence.
        """
        keys, quiet = self._keys, self._quiet
        seen = {checked(me): last for me, last in self._client.zrangebyscore(keys.workers, -inf, inf, withscores=True)}
        quiet_since = max(seen.values(), default=0.0) - QUIET_SECONDS
        silent = {me: last for me, last in seen.items() if last < quiet_since}
        if not shortened or any(silent.get(me) != last for me, last in quiet.last_seen.items()):
            quiet = _Remembered()
        asked = [me for me in seen if me not in quiet.last_seen]
        with self._client.pipeline(transaction=True) as pipe:
            for me in seen:
                pipe.hget(keys.of(me, "worker"), "state")
            for me in asked:
                pipe.hvals(keys.of(me, "operations"))
                pipe.hvals(keys.of(me, "findings"))
            pipe.hgetall(keys.known)
            pipe.lrange(keys.events, -EVENTS_READ, -1)
            *answers, remembered, events = pipe.execute()
        states = {me: made_of(rows.to_worker, text) for me, text in zip(seen, answers, strict=False) if text}
        if gone := [me for me in seen if me not in states]:
            self._client.zrem(keys.workers, *gone)  # their keys have expired, by the clock of Redis
            if not quiet.last_seen.keys().isdisjoint(gone):
                return self.read(shortened=shortened)  # somebody who is gone is in the sums
        texts = {me: answers[len(seen) + 2 * at :][:2] for at, me in enumerate(asked) if me in states}
        told = self._made(texts, remember=shortened)
        if shortened:
            operations, findings = self._shortened(quiet, states, told, silent)
        else:
            operations = list(_counted(told.values()))
            findings = [(each.id, finding) for each in told.values() for finding in each.findings]
        return Stored(
            workers=tuple(states.values()),
            operations=tuple(operations),
            findings=tuple(findings),
            events=tuple(rows_of(events, rows.to_event)),
            known=tuple(known_of(fingerprint, text) for fingerprint, text in remembered.items()),
        )

    def _made(self, texts: dict[str, list[list[str]]], *, remember: bool) -> dict[str, _Told]:
        """Return what the texts of workers say; most of them are the same as two seconds ago."""
        before, now = self._before, _Read({}, {})
        told = {}
        for me, (operations, findings) in texts.items():
            for text in operations:
                now.operations[text] = before.operations.get(text) or made_of(rows.to_operation, text)
            for text in findings:
                now.findings[text] = before.findings.get(text) or decoded(rows.to_finding, text)
            told[me] = _Told(
                worker_of(me), [now.operations[text] for text in operations], [now.findings[text] for text in findings]
            )
        if remember:
            self._before = now
        return told

    def _shortened(
        self,
        quiet: _Remembered,
        states: dict[str, WorkerState],
        told: dict[str, _Told],
        silent: dict[str, float],
    ) -> tuple[list[Row], list[tuple[WorkerId, Finding]]]:
        newly = {me: each for me, each in told.items() if me in silent}
        counted = list(_counted(newly.values()))
        speaking = {(me, one.fingerprint): one for me, each in told.items() if me not in newly for one in each.findings}
        told_now = [row for me, each in told.items() if me not in newly for row in _counted([each])]
        sums = tuple(folded([*quiet.sums, *counted]).values())
        accusing = dict(quiet.findings)
        accusing.update(((me, one.fingerprint), lightened(one)) for me, each in newly.items() for one in each.findings)
        now = folded([*sums, *told_now])
        suspects = accused(now.values())
        suspects.update(one.judgement.operation for each in (speaking, accusing) for one in each.values())
        single = {
            operation: (
                *(quiet.single[operation] if operation in quiet.single else self._single(quiet.last_seen, operation)),
                *(row for row in counted if row[1].judgement.operation == operation),
            )
            for operation in suspects
        }
        self._quiet = _Remembered({**quiet.last_seen, **{me: silent[me] for me in newly}}, sums, accusing, single)
        operations = [row for (operation, _), row in now.items() if operation not in suspects]
        operations += [row for row in told_now if row[1].judgement.operation in suspects]
        operations += [row for rows_ in single.values() for row in rows_]
        return operations, self._findings(states, speaking, accusing)

    def _single(self, workers: Iterable[str], operation: Operation) -> Iterator[Row]:
        """Yield what each of some silent workers counted of one operation."""
        with self._client.pipeline(transaction=False) as pipe:
            for me in workers:
                pipe.hget(self._keys.of(me, "operations"), key_of(operation))
            answers = pipe.execute()
        for me, text in zip(workers, answers, strict=True):
            if text:
                yield worker_of(me), made_of(rows.to_operation, text)

    def _findings(
        self, states: dict[str, WorkerState], speaking: dict[_Key, Finding], accusing: dict[_Key, Finding]
    ) -> list[tuple[WorkerId, Finding]]:
        """Return what all accuse, with the evidence of those that know most and of those that told last."""
        told = {**accusing, **speaking}
        wanted = evident((key, states[key[0]].kind, one) for key, one in told.items())
        asked = sorted(wanted - speaking.keys())
        with self._client.pipeline(transaction=False) as pipe:
            for me, fingerprint in asked:
                pipe.hget(self._keys.of(me, "findings"), fingerprint)
            texts = pipe.execute()
        whole = {key: decoded(rows.to_finding, text) for key, text in zip(asked, texts, strict=True) if text}
        whole.update((key, one) for key, one in speaking.items() if key in wanted)
        light = {key: lightened(one) for key, one in speaking.items() if key not in wanted}
        return [
            (states[me].id, whole.get((me, name)) or light.get((me, name)) or one) for (me, name), one in told.items()
        ]


def _counted(told: Iterable[_Told]) -> Iterator[Row]:
    for each in told:
        for stats in each.operations:
            yield each.id, stats
