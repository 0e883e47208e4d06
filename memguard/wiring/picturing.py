"""Takes snapshots of allocations of this process into the store: when a person asks, and every so often while it traces."""

import secrets
from collections.abc import Iterable, Iterator
from time import monotonic

from memguard.allocations import Allocations, Frames, Group, bounded, packed
from memguard.explain import sites
from memguard.instruments import raw
from memguard.instruments.collector import at_rest
from memguard.settings import Settings
from memguard.snapshots import Kept, Reason
from memguard.store import Store
from memguard.units import format_bytes
from memguard.wiring.watch import Watch

TRACES_MOST = 2_000_000
"""The process stands still while C code hands out its traces, about 0.8 s for a million, which take 180 MB meanwhile (tried)."""
STACKS_MOST = 2_000
"""So many are told apart in the store, the largest; the rest is one of them."""


OWN = "<memguard>"
"""The one call that all that memguard itself has allocated is shown as."""
_CALLS_OUT = tuple(
    f"{sites.OURS}{room}"
    for room in (
        "flask.py", "django/", "starlette/", "celery/", "wsgi/", "asgi/", "adapting.py", "lineprofile.py", "pytest_plugin/",
        "trials/", "cli/", "export/channels/",
    )
)  # fmt: skip
"""What calls the application, or a callable of its own: what a library allocates below these is the application's."""


class Picturing:
    """One per process, used by the keeper thread alone.

    Attributes:
        note: Why the last snapshot was not taken, or empty.
    """

    def __init__(self, watch: Watch, store: Store, settings: Settings) -> None:
        self._watch = watch
        self._store = store
        self._settings = settings
        self._next: float | None = None
        self.note = ""

    def round(self) -> None:
        """Take one where it is due. The first is taken as soon as tracing is on: it is what later ones grow from."""
        interval = self._settings.snapshot_interval
        if interval is None or not self._watch.tracing.on:
            self._next = None
        elif self._next is None or monotonic() >= self._next:
            taken = self.take()
            self._next = monotonic() + interval
            if taken is not None:
                self.keep(taken, "periodic")

    def take(self) -> Allocations | None:
        """Return what is alive of all that was allocated while tracing was on; None where that is too much."""
        if raw.number_of_traces() > TRACES_MOST:
            self.note = f"Of more than {TRACES_MOST:,} allocations no snapshot is taken."
            return None
        self.note = ""
        with self._watch.observer.quiet():
            return raw.take(at_rest)

    def keep(self, taken: Allocations, reason: Reason) -> str:
        """Write one into the store; return what it is, in words."""
        taken = bounded(taken.at, _without_own(taken.groups), STACKS_MOST)
        kept = Kept(secrets.token_hex(8), taken.at, reason, taken.bytes, taken.count, len(taken.groups))
        self._store.add_allocations(self._watch.worker_id, kept, packed(taken), most=self._settings.snapshots_kept)
        return f"Kept {format_bytes(kept.bytes)} in {kept.count:,} allocations as the snapshot {kept.id}."


def is_own(frames: Frames) -> bool:
    """Tell whether calls are memguard's own work, also where a library does it: `linecache`, `json`, the client of a Redis.

    Below the application's own code nothing is, and no library below an adapter, which calls the application.
    """
    for place, (file, _) in enumerate(frames):
        if file.startswith(sites.OURS):
            return place == 0 or not file.startswith(_CALLS_OUT)
        if sites.is_application(file):
            return False
    return False


def _without_own(groups: Iterable[Group]) -> Iterator[Group]:
    size = count = 0
    for group in groups:
        if is_own(group.frames):
            size, count = size + group.bytes, count + group.count
        else:
            yield group
    if count:
        yield Group(((OWN, 0),), size, count)
