"""The values that cross rooms: frozen, plain data, no behaviour beyond what reads themselves.

Units everywhere: bytes, seconds, objects (GC-tracked Python objects), blocks (pymalloc allocator blocks). Moments
are seconds since the epoch (`time.time()`). A delta of None was not measured; zero was measured and is zero.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from memguard.evidence import Holder, Pattern, Site, TypeCount

Kind = Literal["request", "websocket", "task"]
VerdictName = Literal["warming", "clean", "suspect", "leak", "plateau"]

UNMATCHED = "<unmatched>"
"""The one operation name of every unit that reached no route."""
OTHER = "<other>"
"""The one operation name of all units beyond the number of operations that is kept."""
IGNORED = "<ignored>"
"""The operation name inside windows of units that the settings say not to watch."""


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """What units are grouped by: a kind and a route template or task name, never a raw path."""

    kind: str
    name: str

    def __hash__(self) -> int:
        # Asked at the end of every unit. A string remembers its hash; a tuple made for it would not.
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one operation with its reasons in words, and the residue per unit it rests on.

    Attributes:
        objects_error: Standard error of `objects_per_unit`, None where it is not known.
    """

    operation: Operation
    verdict: VerdictName
    reasons: tuple[str, ...]
    objects_per_unit: float = 0.0
    blocks_per_unit: float = 0.0
    bytes_per_unit: float = 0.0
    objects_error: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """An accusation with its evidence.

    Attributes:
        fingerprint: 16 hex digits, the same for the same leak over workers, hosts and restarts.
        units_observed: Units of the operation that were inside settled windows.
        holder: What keeps the residue alive, None while it is not known.
        attribution: What says that the residue is this operation's: a few words.
    """

    fingerprint: str
    judgement: Judgement
    first_seen: float
    last_seen: float
    units_observed: int
    sites: tuple[Site, ...]
    types: tuple[TypeCount, ...]
    pattern: Pattern
    holder: Holder | None = None
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class OperationStats:
    """What one worker counted for one operation since it started, and its verdict."""

    judgement: Judgement
    units: int
    errors: int
    sampled_units: int
    last_seen: float


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One ended unit, as kept in `trace` mode.

    Attributes:
        seconds: From begin to end.
        body_sent: Seconds from begin until the last body message left, None where the protocol does not say.
        traced, traced_peak: Change of traced bytes, and the highest traced bytes above the begin.
        objects: Survivors, None where no window covered the unit; of all units in flight where it overlapped.
        overlapped: Another unit was in flight, so the process-wide counters speak of both.
    """

    at: float
    operation: Operation
    seconds: float
    error: bool
    overlapped: bool
    body_sent: float | None = None
    traced: int | None = None
    traced_peak: int | None = None
    objects: int | None = None
    blocks: int | None = None
    rss: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerId:
    """A process, told apart from a later one with the same pid by the moment it started."""

    host: str
    pid: int
    started_at: float


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a worker says of itself about once a second.

    Attributes:
        kind: `web` or `celery`.
        server: What runs it, like `gunicorn-gthread`, `uvicorn`, `celery-prefork`; `unknown` is an honest answer.
        state: `serving`, `recycling` while it is being replaced, `stopped` after an orderly exit; of one that ended without
            a word, `died` where it was in the middle of something, else `gone`.
        rss_baseline_bytes: RSS when its first unit began, None before.
        ceiling_bytes: The soft ceiling in bytes, None without one.
        hard_ceiling_bytes: The hard ceiling in bytes, None without one.
        rss_floor_bytes: RSS when the process was forked, 0 where it was not, or before memguard was imported.
        overhead_ratio: CPU that memguard used of the CPU the process used (at least a tenth of a core is assumed).
        notes: Sentences for a person: fallbacks, parts switched off, what could not be done.
        release: What the application calls the version that the worker runs, empty where it does not say.
        supervisor_started_at: When the process that starts this worker and its replacements was started, 0.0 without one.
        leaves: How it is replaced where it has to be, or that it was set not to be, in words; empty where that is not known.
        stays_because: Why it could not be replaced, in words; empty where it can be.
        inner_adapter: The adapter of memguard's that has seen units which another one watches; empty where there is one.
    """

    id: WorkerId
    kind: str
    server: str
    mode: str
    state: str
    last_seen: float
    rss_bytes: int
    rss_baseline_bytes: int | None
    ceiling_bytes: int | None
    units_total: int
    in_flight: int
    windows_total: int
    overhead_ratio: float
    notes: tuple[str, ...] = ()
    hard_ceiling_bytes: int | None = None
    rss_floor_bytes: int = 0
    release: str = ""
    supervisor_started_at: float = 0.0
    leaves: str = ""
    stays_because: str = ""
    inner_adapter: str = ""


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """RSS, traced bytes (None while tracing is off) and units so far of one worker at one moment."""

    at: float
    rss_bytes: int
    traced_bytes: int | None
    units_total: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a worker, as plain JSON data.

    Attributes:
        type: `started`, `stopped`, `finding`, `store`; `relief` where memory was given back, `ceiling` where one is crossed and the worker stays, `recycle`
            where it leaves, `replaced` where it has come for another one; `died` and `gone` as in `WorkerState.state`.
    """

    at: float
    type: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flush:
    """All that a worker has to tell the store since its last flush; state and operations are whole, the rest is new."""

    worker: WorkerState
    operations: tuple[OperationStats, ...] = ()
    findings: tuple[Finding, ...] = ()
    units: tuple[UnitRecord, ...] = ()
    timeline: tuple[TimelinePoint, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a finding beyond the workers that told of it.

    Attributes:
        first_seen: When any worker of the service, on any host, first told of it.
        returned: When it was told again after a week without a word of it, None if that never was.
    """

    fingerprint: str
    first_seen: float
    returned: float | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """All that a store holds of one service; each row with the worker that wrote it.

    Rows of workers that are gone stay until they are pruned: `WorkerState.last_seen` says how old they are.
    """

    workers: tuple[WorkerState, ...] = ()
    operations: tuple[tuple[WorkerId, OperationStats], ...] = ()
    findings: tuple[tuple[WorkerId, Finding], ...] = ()
    events: tuple[tuple[WorkerId, Event], ...] = ()
    known: tuple[Known, ...] = ()
