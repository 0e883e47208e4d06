"""Carries out what a person asks of this worker: polled and done by the keeper, never on a unit's path."""

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic, time

from memguard.allocations import Allocations
from memguard.commands import TRACE_SECONDS_MOST, Command, Following, Outcome, State
from memguard.forking import undivided
from memguard.instruments.allocated import Allocated
from memguard.instruments.native import trim
from memguard.model import Operation
from memguard.settings import Settings
from memguard.snapshots import Reason
from memguard.store import Store
from memguard.units import format_seconds
from memguard.wiring.looking import Looking
from memguard.wiring.picturing import Picturing
from memguard.wiring.watch import Watch

log = logging.getLogger("memguard")

WORDS = {"lines": "follow units line by line", "inspect": "look into its objects"}


class CannotError(Exception):
    """A command cannot be carried out here; the message says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A command that is being carried out, since when, and RSS as it began."""

    command: Command
    at: float
    rss: int


class Commands:
    """One per process, used by the keeper thread alone.

    Attributes:
        note: What a command is doing at the moment, or empty.
    """

    def __init__(self, watch: Watch, store: Store, settings: Settings, *, recycle: Callable[[], str]) -> None:
        """Make one; `recycle` has this worker replaced, or returns why that cannot be."""
        self._watch = watch
        self._ask_to_recycle = recycle
        self._store = store
        self._settings = settings
        self._looking = Looking(watch)
        self._picturing = Picturing(watch, store, settings)
        self._tracing: _Begun | None = None
        self._following: _Begun | None = None
        self._acts: dict[str, Callable[[_Begun], Outcome | None]] = {
            "collect": self._collect,
            "trim": self._trim,
            "snapshot": self._snapshot,
            "trace": self._trace,
            "lines": self._lines,
            "inspect": self._inspect,
            "recycle": self._recycle,
        }
        self.note = ""

    def round(self) -> None:
        """Take up what waits for this worker, and end the tracing that has gone on for long enough."""
        for command in self._store.take_commands(self._watch.worker_id, time()):
            log.warning("memguard: this worker is asked to %s", WORDS.get(command.action, command.action))
            self._carry_out(_Begun(command, monotonic(), self._watch.rss.read()), self._act_of(command))
        tracing = self._tracing
        if tracing is not None and monotonic() - tracing.at >= tracing.command.seconds:
            self._carry_out(tracing, self._trace_no_more)
        following, followed = self._following, self._watch.followed
        if following is not None and followed is not None:
            is_late = monotonic() - following.at >= following.command.seconds
            if is_late or followed.is_over:
                self._carry_out(following, self._lines_no_more)
        self._picturing.round()

    def _act_of(self, command: Command) -> Callable[[_Begun], Outcome | None]:
        return self._acts.get(command.action, self._unknown)

    def _carry_out(self, begun: _Begun, act: Callable[[_Begun], Outcome | None]) -> None:
        """Do it, and tell the store what came of it; an outcome of None means that it goes on."""
        try:
            outcome = act(begun)
        except CannotError as error:
            outcome = Outcome(error=str(error))
        except BaseException as error:
            # The gate around the keeper logs what went wrong; whoever asked is told as well.
            self._tell(begun, Outcome(error=f"It failed with {type(error).__name__}; the worker's log says more."))
            raise
        if outcome is not None:
            self._tell(begun, outcome)

    def _tell(self, begun: _Begun, outcome: Outcome) -> None:
        now = time()
        outcome = replace(
            outcome, rss_before_bytes=begun.rss, rss_after_bytes=self._watch.rss.read(), seconds=monotonic() - begun.at
        )
        state: State = "failed" if outcome.error else "done"
        self._store.update_command(replace(begun.command, state=state, changed_at=now, outcome=outcome))

    def _collect(self, _: _Begun) -> Outcome:
        with self._watch.observer.quiet():
            freed = gc.collect()
        return Outcome(objects_freed=freed, message=f"Freed {freed:,} objects that only reference cycles kept.")

    def _trim(self, _: _Begun) -> Outcome:
        if trim() is None:
            raise CannotError("The C library of this system has no malloc_trim.")
        return Outcome(message="The C allocator gave what it could spare back to the system.")

    def _snapshot(self, _: _Begun) -> Outcome:
        if not self._watch.tracing.on:
            return Outcome(message=self._counted())
        taken = self._picturing.take()
        counted = self._counted(Allocated(taken))
        return Outcome(message=f"{counted} {self._kept(taken, 'asked')}")

    def _kept(self, taken: Allocations | None, reason: Reason) -> str:
        return self._picturing.note if taken is None else self._picturing.keep(taken, reason)

    def _counted(self, allocated: Allocated | None = None) -> str:
        taken = self._looking.snapshot(allocated)
        self._store.add_snapshot(self._watch.worker_id, taken)
        compared = "" if taken.before is None else f", compared with {format_seconds(taken.at - taken.before)} before"
        return f"Counted {taken.objects:,} objects{compared}."

    def _trace(self, begun: _Begun) -> None:
        if self._tracing is not None:
            raise CannotError("This worker is being traced already.")
        if self._following is not None:
            raise CannotError("This worker follows units line by line at the moment.")
        if self._watch.tracing.on:
            mode = "its mode is trace" if self._watch.tracing.ours else "the application has started tracemalloc itself"
            raise CannotError(f"This worker traces its allocations already: {mode}.")
        seconds = min(begun.command.seconds, TRACE_SECONDS_MOST)
        self._looking.snapshot()
        self._watch.trace_every_unit(self._settings.trace_frames)
        self._looking.begin_sites()
        self._tracing = replace(begun, at=monotonic(), command=replace(begun.command, seconds=seconds))
        self.note = (
            f"traced for {format_seconds(seconds)}, as was asked: tracemalloc slows every unit down 3 to 10 "
            "times meanwhile"
        )

    def _trace_no_more(self, _: _Begun) -> Outcome:
        self._tracing, self.note = None, ""
        try:
            taken = self._picturing.take()
            allocated = Allocated(taken)
        finally:
            units = self._watch.trace_no_more()
        counted = self._counted(allocated)
        return Outcome(message=f"Measured {units:,} units. {counted} {self._kept(taken, 'traced')}")

    def _lines(self, begun: _Begun) -> Outcome | None:
        following = begun.command.following
        if following is None:
            raise CannotError("It was not said which operation to follow.")
        if self._following is not None:
            raise CannotError("This worker follows units line by line already.")
        if self._tracing is not None:
            raise CannotError("This worker is being traced.")
        if self._watch.tracing.on and not self._watch.tracing.ours:
            raise CannotError("The application has started tracemalloc itself; its figures would be spoiled.")
        if self._serves_other_kinds(following):
            return _does_not_serve(following)
        with undivided():
            from memguard.wiring.followed import FollowedUnits, NoFunctionError
        try:
            self._watch.followed = FollowedUnits(following, self._watch.observer.zoom)
        except NoFunctionError as error:
            if not self._has_served(following):
                return _does_not_serve(following)
            raise CannotError(str(error)) from None
        seconds = min(begun.command.seconds, TRACE_SECONDS_MOST)
        self._following = replace(begun, at=monotonic(), command=replace(begun.command, seconds=seconds))
        return None

    def _has_served(self, following: Following) -> bool:
        return self._watch.ledger.units(Operation(following.kind, following.name)) > 0

    def _serves_other_kinds(self, following: Following) -> bool:
        """Tell at once that units are of the other sort: a worker of Celery gets no requests, a web worker no tasks."""
        are_tasks = {operation.kind == "task" for operation in self._watch.ledger.totals()}
        return are_tasks == {following.kind != "task"}

    def _lines_no_more(self, begun: _Begun) -> Outcome:
        followed, self._watch.followed, self._following = self._watch.followed, None, None
        assert followed is not None
        name = followed.following.name
        functions = followed.stop()
        if not functions and not self._has_served(followed.following):
            return _does_not_serve(followed.following)
        if not functions:
            why = followed.trouble or "none came, or its own code ran in threads that Python 3.11 cannot follow"
            raise CannotError(f"No unit of {name} was followed within {format_seconds(begun.command.seconds)}: {why}.")
        units = "1 unit" if followed.units == 1 else f"{followed.units} units"
        return Outcome(message=f"Followed {units} of {name} line by line.", functions=functions)

    def _inspect(self, begun: _Begun) -> Outcome:
        question = begun.command.question
        if question is None:
            raise CannotError("It was not said what to look for.")
        with undivided():
            from memguard.inspection import INSPECT_SECONDS_MOST
            from memguard.wiring.inspecting import CannotInspectError, Inspecting, sentence
        try:
            found = Inspecting(self._watch, show_keys=self._settings.show_keys).answer(
                question, min(begun.command.seconds, INSPECT_SECONDS_MOST)
            )
        except CannotInspectError as error:
            raise CannotError(str(error)) from None
        return Outcome(message=sentence(found), inspection=found)

    def _recycle(self, _: _Begun) -> Outcome:
        reason = self._ask_to_recycle()
        if reason:
            raise CannotError(f"This worker cannot be replaced: {reason}.")
        return Outcome(message="This worker is being replaced: it leaves once its work in hand is done.")

    def _unknown(self, begun: _Begun) -> None:
        raise CannotError(f"This worker runs a memguard that knows no action {begun.command.action!r}.")


def _does_not_serve(following: Following) -> Outcome:
    """Return what is no failure: of all workers that were asked, this one has other work."""
    return Outcome(message=f"This worker does not serve {following.name}: it has had no unit of it.")
