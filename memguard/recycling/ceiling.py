"""What follows when a worker is over its ceiling: a state machine without a clock, to be replayed from histories.

    ok -> relief -> wants -> holds -> draining -> leaving

`relief` tries to give memory back. `wants` means that the worker would leave, and that only a brake keeps it. `holds`
means that it has the slot: no other worker of its service may leave meanwhile. From `ok` to `holds` it goes back by
itself as soon as one reading lies below the ceiling again; from `draining` on there is no way back, because the server
has stopped to accept.
"""

from dataclasses import dataclass, field
from typing import Literal

from memguard.recycling.hoping import Hoping
from memguard.recycling.limits import Limits
from memguard.units import format_bytes, format_seconds

Phase = Literal["ok", "relief", "wants", "holds", "draining", "leaving"]
Action = Literal["", "relieve", "ask", "leave", "release"]

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
_WARNING = Brake("setting", "a ceiling in percent of the worker's own baseline only warns")


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
        warned: It is over the ceiling that only warns, and over no other.
        over: Readings in a row over the soft ceiling.
        beyond: Readings in a row over the ceiling that only warns.
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
    warned: bool = False
    over: int = 0
    beyond: int = 0
    lowest: int | None = None
    wished: bool = False
    crossed: Reading | None = None
    entered: dict[Phase, float] = field(default_factory=dict)
    relief: Hoping = field(default_factory=Hoping)

    @property
    def limit(self) -> int:
        """The ceiling that it is over, or would be over first."""
        hard, soft, warns = self.limits.hard, self.limits.soft, self.limits.warns
        first = (hard, soft, warns) if self.urgent else (warns,) if self.warned else (soft, hard, warns)
        return next((each for each in first if each is not None), 0)

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
        self._count(reading.used)
        is_new = self.phase == "ok" or self.warned
        samples = self.limits.samples if is_new else 1
        if not self.urgent and not self.wished and self.over < samples:
            return self._not_over(reading)
        if is_new:
            self.phase, self.warned, self.brake = "ok", False, None
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
        """Tell whether this much is over a ceiling that acts, or more than is wished."""
        return self.wished or _above(used, self.limits.soft) or _above(used, self.limits.hard)

    def is_calm(self, used: int) -> bool:
        """Tell whether nothing is to be done or said at this much."""
        return self.phase == "ok" and not self.is_over(used) and not _above(used, self.limits.warns)

    def seconds(self, at: float) -> dict[str, float]:
        """Return how long each phase has taken since the ceiling was crossed; the last one lasts until now."""
        moments = [*self.entered.items()]
        ends = [*(moment for _, moment in moments[1:]), at]
        return {phase: round(end - moment, 3) for (phase, moment), end in zip(moments, ends, strict=True)}

    def _enter(self, phase: Phase, at: float) -> None:
        self.phase = phase
        self.entered.setdefault(phase, at)

    def _count(self, used: int) -> None:
        self.over = self.over + 1 if _above(used, self.limits.soft) else 0
        self.beyond = self.beyond + 1 if _above(used, self.limits.warns) else 0
        self.urgent = _above(used, self.limits.hard)

    def _not_over(self, reading: Reading) -> Action:
        """No ceiling that acts is crossed for long enough: perhaps the one that only warns is."""
        if self.phase != "ok" and not (self.warned and self.beyond):
            return self._calm()
        if self.phase == "ok" and self.beyond >= self.limits.samples:
            self.crossed, self.entered = reading, {}
            self.warned, self.brake = True, _WARNING
            self._enter("wants", reading.at)
        return ""

    def _calm(self) -> Action:
        held, self.phase = self.phase == "holds", "ok"
        self.brake = self.crossed = None
        self.over = self.beyond = 0
        self.warned = False
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


def _above(used: int, limit: int | None) -> bool:
    return limit is not None and used > limit
