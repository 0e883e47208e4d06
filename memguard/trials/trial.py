"""A trial: runs that somebody else does, asked for one by one, and readings of the process between their rounds."""

import tracemalloc
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import perf_counter, sleep  # bound now: tests like to replace them in `time`

from memguard.instruments.native import NativeReader
from memguard.instruments.traces import Tracing
from memguard.trials import judging, reading
from memguard.trials.aside import aside
from memguard.trials.evidence import Evidence, evidence, exhibits
from memguard.trials.judging import Lasting
from memguard.trials.limits import Limits

FRAMES = 25
"""A test client and a framework put some twenty calls between a test and a view."""
IDLE_SECONDS_MOST = 1.0

Runs = Generator[None, None, None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial has measured, and what is wrong with it. None stands for what no limit asks for.

    Attributes:
        runs: Runs in rounds, the warm-up not counted.
        rounds: How many rounds there were; few where it settled early.
        objects, bytes: What stays after a run, on average over the round that left least.
        peak: The most bytes that a run needed at once above what there was before it.
        evidence: What stays and who holds it, where that is more than allowed; None where it is not.
        limits: What was allowed.
    """

    runs: int
    rounds: int
    objects: float | None
    bytes: float | None
    peak: int | None
    evidence: Evidence | None
    limits: Limits

    @property
    def is_peak_exceeded(self) -> bool:
        """Whether a run needed more at once than is allowed."""
        return self.limits.max_peak is not None and self.peak is not None and self.peak > self.limits.max_peak

    @property
    def is_good(self) -> bool:
        """Whether all limits are kept."""
        return self.evidence is None and not self.is_peak_exceeded


class Trial:
    """One trial. Go through `runs`, doing one run each time, then look at `outcome`."""

    def __init__(self, limits: Limits, name: str) -> None:
        """Prepare it; `name` says what is tried."""
        self._limits = limits
        self._name = name
        self._native = NativeReader()
        self._tracing = Tracing()
        self._lasting: Lasting | None = None
        self._rounds = 0
        self._peak: int | None = None
        self._evidence: Evidence | None = None

    @property
    def _are_objects_counted(self) -> bool:
        return self._limits.is_for_residue or self._limits.max_objects is not None

    @property
    def outcome(self) -> Outcome:
        """What was found, once all runs are done."""
        lasting, repeat = self._lasting, self._limits.repeat
        return Outcome(
            runs=repeat * self._rounds,
            rounds=self._rounds,
            objects=None if lasting is None or not self._are_objects_counted else lasting.objects / repeat,
            bytes=max(0, lasting.traced) / repeat if lasting and self._limits.max_growth is not None else None,
            peak=self._peak,
            evidence=self._evidence,
            limits=self._limits,
        )

    def runs(self) -> Runs:
        """Yield once for each run that is to be done. Close it when a run has failed: tracing ends with it."""
        limits = self._limits
        for _ in range(limits.warmup):
            yield
        try:
            if limits.is_in_bytes:
                self._tracing.start(FRAMES)
            before = self._take()  # once for what measuring itself leaves, of which the reading at hand is a part
            before = self._take()
            lasting, seconds = None, 0.0
            while lasting is None or not self._is_over(lasting):
                began = perf_counter()
                yield from self._round()
                seconds = perf_counter() - began
                after = self._take()
                round_ = judging.between(before, after)
                lasting = self._lasting = judging.least(lasting, round_)
                self._rounds += 1
                before = after
                del after, round_
            if judging.is_exceeded(lasting, limits):
                lasting = judging.without(lasting, self._idle(before, min(seconds, IDLE_SECONDS_MOST)))
                del before
                if judging.is_exceeded(lasting, limits):
                    yield from self._explain(lasting)
        finally:
            self._tracing.stop()

    def _take(self) -> reading.Reading:
        types, tables = self._are_objects_counted, self._limits.is_for_residue
        return aside(partial(reading.take, self._native, types=types, tables=tables))

    def _look(self) -> reading.Reading:
        return reading.take(self._native, types=True, tables=True, deep=True)

    def _trace(self) -> reading.Traced:
        return aside(partial(reading.trace, self._native))

    def _is_over(self, lasting: Lasting) -> bool:
        if self._limits.is_for_peak_alone or self._rounds == judging.ROUNDS:
            return True
        return not judging.is_exceeded(lasting, self._limits)

    def _idle(self, before: reading.Reading, seconds: float) -> Lasting:
        """Return what grows while nothing is run, in each of two rounds as well."""
        idle = None
        for _ in range(2):
            sleep(seconds)
            after = self._take()
            idle = judging.least(idle, judging.between(before, after))
            before = after
        assert idle is not None
        return idle

    def _round(self) -> Runs:
        for _ in range(self._limits.repeat):
            if self._limits.max_peak is None:
                yield
                continue
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            yield
            self._peak = max(self._peak or 0, tracemalloc.get_traced_memory()[1] - before)

    def _explain(self, lasting: Lasting) -> Runs:
        """Look closely at one more round, then trace some, and say what stays of each."""
        self._tracing.stop()  # a look at the whole heap takes ten times as long with it
        # Twice: the first leaves something in caches of memguard's own, and its arrays are there in the second, as those of
        # the second will be in the third.
        before = self._look()
        before = self._look()
        yield from self._round()
        seen = judging.between(before, self._look())
        del before
        self._tracing.start(FRAMES)
        yield from self._round()  # what is replaced must have been allocated while tracing was on, too
        traced = [self._trace()]
        for _ in range(judging.TRACED_ROUNDS):
            yield from self._round()
            traced.append(self._trace())
        allocated = judging.in_each(
            [judging.allocated(before, after, lasting, self._limits) for before, after in pairwise(traced)]
        )
        del traced
        lasting = judging.with_net_bytes(lasting, allocated)
        if self._lasting is not None:
            self._lasting = judging.with_net_bytes(self._lasting, allocated)
        if judging.is_exceeded(lasting, self._limits):
            close = judging.closer(lasting, seen)
            shown = aside(partial(exhibits, close, self._limits))
            self._tracing.stop()  # the search looks at the whole heap
            self._evidence = evidence(close, self._limits, self._name, shown, allocated)
