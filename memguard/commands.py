"""What a person asks of a worker, on the page or the command line, and what the worker answers: frozen, plain data that crosses rooms."""

from dataclasses import dataclass
from typing import Literal

from memguard.inspection import Inspection, Question
from memguard.model import WorkerId

Action = Literal["trace", "lines", "collect", "trim", "snapshot", "inspect", "recycle"]
ACTIONS: tuple[Action, ...] = ("trace", "lines", "collect", "trim", "snapshot", "inspect", "recycle")
TIMED: frozenset[Action] = frozenset({"trace", "lines", "inspect"})
"""Actions that go on for some seconds, or until they have what they wait for or look for."""
State = Literal["waiting", "running", "done", "failed", "expired"]

WAITING_SECONDS = 60.0
"""A command that its worker has not taken up by then is not carried out any more."""
RUNNING_SECONDS = 120.0
"""A worker that took a command up and has not answered by then, beyond the seconds it was asked for, will not answer."""
TRACE_SECONDS_MOST = 600.0
UNITS_FOLLOWED, UNITS_FOLLOWED_MOST = 3, 100
FUNCTIONS_MOST, LINES_MOST, SOURCE_MOST = 10, 400, 200
"""How many functions, lines of each and characters of each line an outcome has at most."""


@dataclass(frozen=True, slots=True)
class FollowedLine:
    """One line of a function that was followed, in all of its runs.

    Attributes:
        hits: How often it ran; 0 where it did not, and the figures say nothing.
        before: Traced bytes when it first ran, above what there was when the unit's own code began.
        increment: By how many bytes traced memory grew while it ran, in all.
        peak: The most bytes that one run needed at once.
        source: Its text.
    """

    line: int
    hits: int = 0
    before: int = 0
    increment: int = 0
    peak: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class FollowedFunction:
    """A function that was followed line by line."""

    name: str
    file: str
    lines: tuple[FollowedLine, ...]


@dataclass(frozen=True, slots=True)
class Following:
    """What is to be followed line by line.

    Attributes:
        kind, name: The operation whose next units are meant.
        units: How many of them.
        functions: Which functions, like `shop.tasks:bill`; the view or task itself where none is named.
    """

    kind: str
    name: str
    units: int = UNITS_FOLLOWED
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command gave.

    Attributes:
        rss_before_bytes, rss_after_bytes: RSS of the worker around it, None where the command never began.
        objects_freed: Objects in reference cycles that a collection found and freed, None where none ran.
        seconds: How long it took.
        message: What it gave, in a sentence; empty where it failed.
        error: Why it failed, in a sentence; empty where it did not.
        functions: What was followed line by line.
        inspection: What was found among objects, None for other actions than `inspect`.
    """

    rss_before_bytes: int | None = None
    rss_after_bytes: int | None = None
    objects_freed: int | None = None
    seconds: float = 0.0
    message: str = ""
    error: str = ""
    functions: tuple[FollowedFunction, ...] = ()
    inspection: Inspection | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that one worker is asked to do.

    Attributes:
        id: 16 hex digits.
        seconds: How long to trace, to wait for units to follow, or to look at objects; 0.0 for every other action.
        asked_at, changed_at: When it was asked for, and when its state last changed.
        following: What is to be followed, for the action `lines` alone.
        question: What is wanted of objects, for the action `inspect` alone.
    """

    id: str
    action: Action
    worker: WorkerId
    asked_at: float
    changed_at: float
    seconds: float = 0.0
    state: State = "waiting"
    outcome: Outcome | None = None
    following: Following | None = None
    question: Question | None = None


def state_at(command: Command, now: float) -> State:
    """Return a command's state at a moment: one that nobody takes up, or whose worker has fallen silent, expires.

    So does one of the future: clocks were set back, and nobody could tell when it is old.
    """
    if command.state == "waiting" and abs(now - command.asked_at) > WAITING_SECONDS:
        return "expired"
    if command.state == "running" and abs(now - command.changed_at) > command.seconds + RUNNING_SECONDS:
        return "expired"
    return command.state
