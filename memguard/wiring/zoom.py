"""The zoom: tracemalloc for a few short windows, to see where an accused operation allocates what it leaves.

While it is on everything takes a multiple of its time. So a traced window is half a second at most, is followed by a
rest, and there are no more than it takes: for some seconds an operation in all. Where windows see nothing they grow
longer: an operation may allocate at its begin what it stores seconds later.
Only what stays is asked for its traceback: the entries that the watched container has gained, else survivors of the
types that are known to last.
"""

from collections.abc import Container, Iterable, Mapping
from time import perf_counter
from typing import Any

from memguard.explain.containers import size_of
from memguard.explain.sites import Code, is_application, passes
from memguard.instruments.census import shallow_size
from memguard.instruments.growers import is_buffer
from memguard.instruments.traces import Tracing, alive, frames_of
from memguard.model import Operation
from memguard.readings import Trace
from memguard.wiring.containers import Containers, Sizes
from memguard.wiring.exhibits import by_type, to_ask
from memguard.wiring.unit import Unit
from memguard.wiring.wishes import (
    FRAMES,
    FRAMES_FIRST,
    FRUITLESS_MOST,
    GAP_LEAST,
    MIXED_WINDOWS_LEAST,
    RARE,
    REST,
    SECONDS_AT_ONCE,
    SECONDS_AT_ONCE_MOST,
    SHARE_OF_OTHERS,
    TRACES_KEPT,
    TRIED_LEAST,
    UNITS,
    UNITS_MOST,
    Wish,
)


class Zoom:
    """Traces windows while somebody wishes to know where an operation allocates.

    Attributes:
        is_on: The window that is open is traced, or a unit.
        unit: The unit that is traced, None if a window is.
        is_asked: Somebody has ever wished for something; units look at no more than this until then.
        has_left: That unit has ended, and was not looked at yet: whoever holds the lock next does it.
        rests_until: Moment (`perf_counter`) until which no other is traced.
        code: The host's own code that an operation runs, where it is known.
    """

    def __init__(self, tracing: Tracing, containers: Containers) -> None:
        self._tracing = tracing
        self._containers = containers
        self._wishes: dict[Operation, Wish] = {}
        self.is_asked = False
        self.code: Mapping[Operation, Code] = {}
        self._since = 0.0
        self._sizes: Sizes = {}
        self._is_tracing_ours = self._is_deep = False
        self.is_on = False
        self.unit: Unit | None = None
        self.has_left = False
        self._operation: Operation | None = None
        self.rests_until = 0.0

    def wish(self, operation: Operation, types: Iterable[str], path: str, rate: float) -> None:
        """Ask for where an operation allocates objects of these types, and entries of the container at that path.

        Where a unit leaves few (`rate`), windows have to span more units.
        """
        units = UNITS if rate > RARE or rate <= 0 else min(UNITS_MOST, round(2 / rate))
        known = self._wishes.get(operation)
        if known is None:
            self._wishes[operation] = Wish(frozenset(types), path, units)
            self.is_asked = True
        else:
            known.types, known.path = frozenset(types), path

    @property
    def is_wished(self) -> bool:
        """Whether the next window will be traced."""
        return any(wish.is_open and not wish.is_for_units for wish in self._wishes.values())

    @property
    def awaits_units(self) -> bool:
        """Whether units should say when it is known what they run."""
        return any(wish.is_open and wish.path for wish in self._wishes.values())

    def meet(self, unit: Unit, operation: Operation) -> None:
        """It is known that a unit runs this operation, and its work is about to begin: trace it, if somebody wishes so."""
        wish = self._wishes.get(operation)
        if wish is None:
            return
        wish.is_met = True
        if wish.is_open and wish.is_for_units and not self.is_on and perf_counter() >= self.rests_until:
            self.unit, self._operation = unit, operation
            self._start(deep=wish.is_deep)

    def leave(self) -> None:
        """The unit that is traced has ended: look where what its container has gained was allocated."""
        wish = self._wish_of_unit()
        if wish is None or self._operation is None:
            return
        grown = {each.path: each.entries for each in self._containers.grown(self._sizes)}
        wish.missed = 0 if self._look(self._operation, wish, {}, grown, is_alone=True) else wish.missed + 1
        self.stop((self._operation,), share_of_others=0.0)

    def expire(self) -> None:
        """Give up a unit that takes long: a stream may never end."""
        if self.has_left:
            self.leave()
        wish = self._wish_of_unit()
        if wish is not None and perf_counter() - self._since > SECONDS_AT_ONCE_MOST:
            wish.missed += 1
            self.stop((self._operation,) if self._operation is not None else (), share_of_others=0.0)

    def _wish_of_unit(self) -> Wish | None:
        return None if self.unit is None or self._operation is None else self._wishes.get(self._operation)

    def begin(self) -> int:
        """A window is about to open: trace it if somebody wishes so; return how many units it should span, 0 if not."""
        wishes = [wish for wish in self._wishes.values() if wish.is_open and not wish.is_for_units]
        if not wishes or self.is_on:
            return 0
        self._start(deep=all(wish.needs_depth for wish in wishes))
        return min(UNITS_MOST, max(UNITS * len(wishes), *(wish.units for wish in wishes)))

    def _start(self, *, deep: bool) -> None:
        self.is_on = True
        self._since = perf_counter()
        self._sizes = self._containers.sizes()
        self._is_tracing_ours = not self._tracing.on
        self._is_deep = deep
        self._tracing.start(FRAMES if deep else FRAMES_FIRST)

    @property
    def seconds_at_once(self) -> float:
        """The longest that the next window may be open, while it is traced."""
        fruitless = min((wish.fruitless for wish in self._wishes.values() if wish.is_open), default=0)
        return float(min(SECONDS_AT_ONCE_MOST, SECONDS_AT_ONCE * 2 ** (fruitless // FRUITLESS_MOST)))

    def end(self, units: Mapping[Operation, float], born: list[Any]) -> None:
        """A traced window is settled: look where its residue was allocated."""
        grown = {each.path: each.entries for each in self._containers.grown(self._sizes)}
        of_type = by_type(born, frozenset().union(*(wish.types for wish in self._wishes.values())))
        for operation, wish in self._wishes.items():
            if wish.is_open and (operation in units or grown.get(wish.path, 0) > 0):
                is_alone = units.get(operation, 0.0) > sum(units.values()) / 2
                self._look(operation, wish, of_type, grown, is_alone=is_alone)
        self.stop(units)

    def _look(
        self,
        operation: Operation,
        wish: Wish,
        of_type: Mapping[str, list[Any]],
        grown: Mapping[str, int],
        *,
        is_alone: bool,
    ) -> bool:
        """Look at what was left while it was traced; return whether anything was seen."""
        wish.windows += 1
        wish.fruitless += 1
        before = wish.exhibits
        for keys in (False, True):
            # A dict's keys tell where nothing is known of its values: they may be plain numbers.
            if self._note(
                operation, wish, to_ask(self._containers, wish, of_type, grown, keys=keys), is_alone=is_alone
            ):
                return True
        buffers = [each for each in self._containers.of(wish.path) if is_buffer(each)] if wish.path else []
        if (buffers and grown.get(wish.path, 0) > 0) or not (wish.path or wish.types):
            self._note_largest(operation, wish, max((size_of(each) or 0 for each in buffers), default=0))
        return wish.exhibits > before

    def stop(self, units: Container[Operation] = (), share_of_others: float = SHARE_OF_OTHERS) -> None:
        """Trace no more, for now; these operations came while it was traced."""
        if self.is_on:
            now = perf_counter()
            seconds = now - self._since
            for operation, wish in self._wishes.items():
                if wish.is_open:
                    wish.seconds += seconds * (1.0 if operation in units else share_of_others)
            self.is_on, self.unit, self.has_left = False, None, False
            self.rests_until = now + max(GAP_LEAST, REST * seconds)
            if self._is_tracing_ours:  # in trace mode it was on before, and stays on
                self._tracing.stop()

    def is_over(self, operation: Operation) -> bool:
        """Tell whether no more is to be expected of it."""
        wish = self._wishes.get(operation)
        return wish is not None and not wish.is_open

    def has_tried(self, operation: Operation) -> bool:
        """Tell whether windows with the operation were traced, and it is time to go by what they saw."""
        wish = self._wishes.get(operation)
        if wish is None or not wish.is_open:
            return wish is not None
        return wish.windows >= TRIED_LEAST and (not wish.is_deep or wish.exhibits > 0)

    def is_through_own_code(self, operation: Operation) -> bool:
        """Tell whether allocations were seen that go through the operation's own code."""
        wish = self._wishes.get(operation)
        return wish is not None and wish.through_own_code > 0

    def traces(self, operation: Operation) -> tuple[Trace, ...]:
        """Return where the operation allocated what it left, as far as it was seen; most objects first."""
        wish = self._wishes.get(operation)
        if wish is None:
            return ()
        return tuple(Trace(frames, count, wish.sizes[frames]) for frames, count in wish.frames.most_common(TRACES_KEPT))

    def _note(self, operation: Operation, wish: Wish, exhibits: Iterable[Any], *, is_alone: bool) -> bool:
        """Keep where these were allocated; return whether anything was seen of it.

        Other operations may leave the same in the same window. What was allocated by the operation's own code is its
        own; where that is not known, or in nobody's traceback, what a window left that was mostly this operation's.
        """
        traced = [(frames, shallow_size(each)) for each in exhibits if (frames := frames_of(each))]
        if (
            self._is_tracing_ours
            and not self._is_deep
            and not all(is_application(frames[0][0]) for frames, _ in traced)
        ):
            wish.is_deep = True
            return True
        code = self.code.get(operation, ())
        own = [(frames, size) for frames, size in traced if passes(frames, code)]
        wish.through_own_code += len(own)
        if own or is_alone or wish.path or wish.windows > MIXED_WINDOWS_LEAST:
            for frames, size in own or traced:
                wish.frames[frames] += 1
                wish.sizes[frames] += size
                wish.exhibits += 1
                wish.fruitless = 0
        return bool(traced)

    def _note_largest(self, operation: Operation, wish: Wish, least: int) -> None:
        """Of what was allocated meanwhile and is alive, keep the largest by the operation's own code.

        What it leaves has no entries and no objects. A buffer that grows has room for more than it holds, so most that is
        written to it allocates nothing; when it does, that is one block of at least its size in bytes (`least`).
        """
        code = self.code.get(operation, ())
        # Where tracing was on before the window, what is alive is older, and much.
        found = alive() if self._is_tracing_ours else []
        own = [(size, frames) for size, frames in found if size >= least and passes(frames, code)]
        if own:
            size, frames = max(own)
            wish.frames[frames] += 1
            wish.sizes[frames] += size
            wish.exhibits += 1
            wish.through_own_code += 1
