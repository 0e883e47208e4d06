"""What can be asked of a worker, in words, and the buttons that ask."""

from dataclasses import dataclass

from memguard.commands import ACTIONS, Action
from memguard.dashboard.merging import moment
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.visit import Visit
from memguard.inspection import Way
from memguard.model import WorkerId

TRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Asking:
    """An action in words: its name on a button, what it does, and what the worker pays for it."""

    name: str
    does: str
    costs: str


WORDS: dict[Action, Asking] = {
    "trace": Asking(
        "Trace",
        "Records every unit with its memory, and where objects are allocated, for some seconds.",
        "The worker's requests and tasks take 3 to 10 times as long meanwhile.",
    ),
    "lines": Asking(
        "Follow lines",
        "Follows the next requests or tasks of an operation line by line: what each line of its code takes.",
        "Those few units take 10 to 100 times as long, and tracemalloc slows the worker down while one runs.",
    ),
    "snapshot": Asking(
        "Take a snapshot",
        "Counts all objects by type; the next one says what has grown. Where the worker traces, it keeps its allocations, too.",
        "The worker stands still while its heap is walked; the larger the heap, the longer.",
    ),
    "inspect": Asking(
        "Look into objects",
        "Looks for the largest of a type, for who holds it, for a container's deep size, or for cycles that wait for a collection.",
        "The worker goes on meanwhile, slower for some seconds: about half of a core is taken.",
    ),
    "collect": Asking(
        "Collect garbage",
        "Runs a full garbage collection: frees what only reference cycles keep.",
        "The worker stands still for the collection, as for any full one of Python's own.",
    ),
    "trim": Asking(
        "Trim",
        "Gives memory that is free, but still held by the C library, back to the machine.",
        "Allocations of the worker wait meanwhile, some milliseconds as a rule.",
    ),
    "recycle": Asking(
        "Recycle",
        "Replaces the worker: it finishes what it has in hand, leaves, and its server starts a fresh one.",
        "Caches of the worker are lost, and the fresh one has to warm up.",
    ),
}  # fmt: skip


WAYS_IN_WORDS: dict[Way, str] = {
    "largest": "The largest of the type",
    "chain": "Who holds the type",
    "size": "Deep size of the container",
    "cycles": "Cycles only a full collection frees",
    "uncollectable": "What is uncollectable",
}


def ordered() -> list[tuple[Action, Asking]]:
    """Return the actions that there are, as they are offered."""
    return [(action, words) for action, words in WORDS.items() if action in ACTIONS]


def command_button(
    visit: Visit, action: Action, worker: WorkerId | None = None, *, operation: tuple[str, str] | None = None
) -> Html:
    """Return a button that asks one worker, or all of them, after a confirmation; or why there is none.

    `operation` is the kind and name of what is to be followed.
    """
    if visit.settings.token is None:
        return tag("span", "Actions need a token: set ", tag("code", "MEMGUARD_TOKEN"), ".", class_="quiet")
    words = WORDS[action]
    name = f"{words.name} for {TRACE_SECONDS} s" if action == "trace" else words.name
    return joined([
        tag(
            "button", name, "…", type="button", class_="scripted", data_action=action, data_name=words.name,
            data_costs=words.costs, data_seconds=TRACE_SECONDS if action == "trace" else None,
            data_target=f"{visit.base}/api/commands", data_operation=" ".join(operation) if operation else None,
            **_worker(worker),
        ),
        tag("span", role="status", class_="quiet", data_own=True),
        tag("span", "This needs JavaScript.", class_="unscripted quiet"),
    ])  # fmt: skip


def _worker(worker: WorkerId | None) -> dict[str, object]:
    if worker is None:
        return {}
    return {"data_host": worker.host, "data_pid": worker.pid, "data_started_at": moment(worker.started_at)}
