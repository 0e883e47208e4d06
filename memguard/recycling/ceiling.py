"""What follows when a worker is over its ceiling: a state machine without a clock, to be replayed from histories.

    ok -> relief -> wants -> holds -> draining -> leaving

`relief` tries to give memory back. `wants` means that the worker would leave, and that only a brake keeps it. `holds`
means that it has the slot: no other worker of its service may leave meanwhile. From `ok` to `holds` it goes back by
itself as soon as one reading lies below the ceiling again; from `draining` on there is no way back, because the server
has stopped to accept.
"""

from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

from memguard.parsing import Ceiling
from memguard.recycling.hoping import Hoping
from memguard.units import format_bytes, format_seconds

Phase = Literal["ok", "relief", "wants", "holds", "draining", "leaving"]
Action = Literal["", "relieve", "ask", "leave", "release"]

JITTER = 0.05
"""A soft ceiling is lowered by up to this share, each worker's by another: workers that leak alike do not cross at once."""
HOLD_SECONDS = 2.0
"""A worker that holds the slot and has no unit to leave with gives it back after these seconds."""


@dataclass(frozen=True, slots=True)
class Brake:
    """Why a worker that is over its ceiling stays.

    Attributes:
        kind: `setting`, `server`, `surroundings`, `place`, `baseline`, `uptime`, `alone`, `idle` or `slot`.
        words: The reason as a part of a sentence, for a person.
    """

    kind: str
    words: str


_IDLE = Brake("idle", "nothing is running, and it leaves at the end of its next unit")


@dataclass(frozen=True, slots=True)
class Limits:
    """A worker's ceilings in bytes, and how many readings in a row must lie over the soft one; None for no ceiling."""

    soft: int | None = None
    hard: int | None = None
    samples: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a worker at one moment.

    Attributes:
        at: Seconds of a clock that only grows.
        used: Bytes that count against the ceilings.
        uptime: Seconds since the worker began to serve.
        min_uptime: Seconds that it has to serve at least.
        refusal: Why it cannot leave at all, None where it can.
        oldest: Number of the oldest unit in flight, counted from 1; where none is, that of the next one.
        is_busy: It could leave now: it may at any time, or a unit with which it can leave is at hand.
    """

    at: float
    used: int
    uptime: float = 0.0
    min_uptime: float = 0.0
    refusal: Brake | None = None
    is_busy: bool = True
    oldest: int = 1


@dataclass(slots=True)
class Recycling:
    """Where one worker is on its way out.

    Attributes:
        limits: Its ceilings.
        phase: Where it is.
        brake: What keeps it, while it wants to leave.
        urgent: It is over the hard ceiling.
        over: Readings in a row over the soft ceiling.
        lowest: The least it has used since its first unit, None before the first reading.
        wished: Somebody has asked to have it replaced, whatever it uses.
        crossed: The reading by which it left `ok`, None while it is there.
        entered: When it entered each phase since.
        relief: What is to be hoped for of giving memory back.
    """

    limits: Limits
    phase: Phase = "ok"
    brake: Brake | None = None
    urgent: bool = False
    over: int = 0
    lowest: int | None = None
    wished: bool = False
    crossed: Reading | None = None
    entered: dict[Phase, float] = field(default_factory=dict)
    relief: Hoping = field(default_factory=Hoping)

    @property
    def limit(self) -> int:
        """The ceiling that it is over, or would be over first."""
        hard, soft = self.limits.hard, self.limits.soft
        return (hard if self.urgent and hard is not None else soft if soft is not None else hard) or 0

    def note(self, used: int) -> None:
        """Remember what the worker used at a moment that asks for no decision."""
        self.lowest = used if self.lowest is None else min(self.lowest, used)

    def sample(self, reading: Reading) -> Action:
        """Take a reading, and return what is to be done.

        Returns:
            `relieve`: give memory back, then say `relieved`. `ask`: for the slot, then say `granted` or `denied`.
            `leave`: without it, then say `granted`. `release`: give the slot back. Empty: nothing.
        """
        if self.phase in {"draining", "leaving"}:
            return ""
        self.note(reading.used)
        soft, hard = self.limits.soft, self.limits.hard
        self.over = self.over + 1 if soft is not None and reading.used > soft else 0
        self.urgent = hard is not None and reading.used > hard
        if not self.urgent and not self.wished:
            if self.over == 0:
                return self._calm()
            if self.phase == "ok" and self.over < self.limits.samples:
                return ""
        if self.phase == "ok":
            self.crossed, self.entered = reading, {}
        if self.phase == "holds":
            return self._held(reading)
        relieve = self._relieve(reading)
        if relieve is not None:
            return relieve
        self._enter("wants", reading.at)
        brake = self._braked(reading)
        if brake is not None or (self.brake is not None and self.brake.kind != "slot"):
            self.brake = brake
        return "" if brake is not None else "leave" if self.urgent else "ask"

    def relieved(self, at: float, before: int, after: int, in_hand: int = 0) -> None:
        """Relief was tried, between two readings; `in_hand`: number of the latest unit that ran meanwhile, 0 for none."""
        self.relief.tried(at, before, after, self.limit, in_hand)
        if self.phase == "relief":
            if self.is_over(after):
                self._enter("wants", at)
            else:
                self._calm()

    def granted(self, at: float) -> None:
        """The slot is this worker's."""
        self.brake = None
        self._enter("holds", at)

    def denied(self, words: str) -> None:
        """The slot is not to be had, for a reason."""
        self.brake = Brake("slot", words)

    def drains(self, at: float) -> None:
        """The server was asked to accept no more."""
        self._enter("draining", at)

    def leaves(self, at: float) -> None:
        """The server was asked to let the worker go."""
        self._enter("leaving", at)

    def stays(self) -> None:
        """It was asked to leave and is still here: begin anew."""
        self.phase, self.wished = "ok", False
        self._calm()

    def is_over(self, used: int) -> bool:
        """Tell whether this much is over a ceiling, or more than is wished."""
        soft, hard = self.limits.soft, self.limits.hard
        return self.wished or (soft is not None and used > soft) or (hard is not None and used > hard)

    def seconds(self, at: float) -> dict[str, float]:
        """Return how long each phase has taken since the ceiling was crossed; the last one lasts until now."""
        moments = [*self.entered.items()]
        ends = [*(moment for _, moment in moments[1:]), at]
        return {phase: round(end - moment, 3) for (phase, moment), end in zip(moments, ends, strict=True)}

    def _enter(self, phase: Phase, at: float) -> None:
        self.phase = phase
        self.entered.setdefault(phase, at)

    def _calm(self) -> Action:
        held, self.phase = self.phase == "holds", "ok"
        self.brake = self.crossed = None
        self.over = 0
        self.relief.calm()
        return "release" if held else ""

    def _held(self, reading: Reading) -> Action:
        if reading.refusal is None and (reading.is_busy or reading.at - self.entered["holds"] < HOLD_SECONDS):
            return ""
        self.entered.pop("holds")
        self.phase = "wants"
        self.brake = self._braked(reading)
        return "release"

    def _relieve(self, reading: Reading) -> Action | None:
        """Return what relief asks for, None where there is none to hope for."""
        if self.urgent or self.wished or (reading.refusal is not None and reading.refusal.kind == "setting"):
            return None
        hope = self.relief.of(reading.at, reading.used, self.limit, reading.oldest)
        if hope == "none":
            return None
        self._enter("relief", reading.at)
        return "relieve" if hope == "now" else ""

    def _braked(self, reading: Reading) -> Brake | None:
        if reading.refusal is not None:
            return reading.refusal
        if self.wished:
            return None if reading.is_busy else _IDLE
        if self.lowest is not None and self.lowest >= self.limit:
            lowest, limit = format_bytes(self.lowest), format_bytes(self.limit)
            words = f"it has never used less than {lowest}, so a new one would be over the ceiling of {limit} as well"
            return Brake("baseline", words)
        if reading.uptime < reading.min_uptime:
            least = format_seconds(reading.min_uptime)
            return Brake(
                "uptime", f"it has served for {format_seconds(reading.uptime)} and has to for {least} at least"
            )
        return None if reading.is_busy else _IDLE


def resolved(ceiling: Ceiling | None, *, memory: int, baseline: int) -> int | None:
    """Return a ceiling in bytes, None for none.

    Args:
        ceiling: As it was written.
        memory: Bytes that the container may use.
        baseline: What the worker used when its first unit began.
    """
    if ceiling is None:
        return None
    if ceiling.bytes is not None:
        return ceiling.bytes
    return round(ceiling.share * memory if ceiling.share is not None else (ceiling.of_baseline or 0.0) * baseline)


def jittered(limit: int, worker: str) -> int:
    """Return a limit lowered by up to `JITTER`, the same for the same worker each time."""
    return round(limit * (1 - JITTER * crc32(worker.encode()) / 2**32))
