"""Snapshots of allocations over HTTP: which there are, what is in one or came between two, and files for other tools."""

import re
from dataclasses import dataclass
from typing import Any, get_args

from memguard import allocations
from memguard.allocations import Allocations, By, WrongSnapshotError
from memguard.dashboard import queries
from memguard.dashboard.lists import worker_key
from memguard.dashboard.merging import moment
from memguard.dashboard.messages import JSON, TEXT, Response, Source, response
from memguard.export.flames.formats import FORMATS
from memguard.export.flames.naming import Names
from memguard.model import WorkerId
from memguard.snapshots import Kept
from memguard.store import Store

PATH = re.compile(rf"snapshots/([0-9a-f]{{16}})(?:/({'|'.join(['mgs', *FORMATS])}))?", re.ASCII)
GROUPINGS: tuple[By, ...] = get_args(By)
PATTERN_MOST = 256
NAMING_SECONDS = 3.0
"""How long sources may be read for the names of functions in one answer."""
FILES = {
    "mgs": ("application/gzip", "mgs"),
    "svg": ("image/svg+xml", "svg"),
    "pprof": ("application/octet-stream", "pb.gz"),
    "speedscope": (JSON, "speedscope.json"),
    "collapsed": (TEXT, "txt"),
}
"""Content type and end of the file's name of each download."""
_CHOICE = ("since", "include", "exclude", "domain")


class MissingError(Exception):
    """There is no such snapshot (any more); the message says which."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a snapshot is looked at.

    Attributes:
        since: Another one, where what came between the two is looked at.
        include, exclude: Files with wildcards, with commas between them; empty for all and none.
        domain: Of tracemalloc's; None for all.
    """

    since: str = ""
    include: str = ""
    exclude: str = ""
    domain: int | None = None


def listing(query: str, source: Source) -> dict[str, Any]:
    """Return all that are kept, newest first."""
    queries.asked(query)
    return {"snapshots": [row(worker, kept) for worker, kept in source.store.allocations()]}


def shown(name: str, query: str, source: Source) -> dict[str, Any]:
    """Return what is in one; raise MissingError where it is not there, QueryError for what cannot be asked."""
    found = queries.asked(query, *_CHOICE, "by", "limit")
    by = next((each for each in GROUPINGS if each == found.get("by", "line")), None)
    if by is None:
        raise queries.QueryError(f"by={found['by'][:64]!r}: expected one of {', '.join(GROUPINGS)}")
    limit, choice = queries.limit(found), _choice(found)
    taken = chosen(source.store, name, choice)
    names = Names(NAMING_SECONDS)
    return {
        "id": name,
        "since": choice.since or None,
        "at": moment(taken.at),
        "by": by,
        "bytes": taken.bytes,
        "count": taken.count,
        "groups": [
            {
                "bytes": group.bytes,
                "count": group.count,
                "frames": [
                    {"file": file, "line": line or None, "function": names.function_at(file, line) or None}
                    for file, line in group.frames
                ],
            }
            for group in allocations.grouped(taken, by).groups[:limit]
        ],
    }


def download(name: str, form: str, query: str, source: Source) -> Response:
    """Return a file for another tool; raise what `shown` raises."""
    found = queries.asked(query, *([] if form == "mgs" else _CHOICE))
    if form == "mgs":
        body = source.store.allocations_of(name)
        if body is None:
            raise MissingError(_missing(name))
    else:
        body = FORMATS[form](chosen(source.store, name, _choice(found)), Names(NAMING_SECONDS))
    kind, ending = FILES[form]
    return response(200, kind, body, ("Content-Disposition", f'attachment; filename="memguard-{name}.{ending}"'))


def chosen(store: Store, name: str, choice: Choice) -> Allocations:
    """Return what of a snapshot is looked at; raise MissingError where one of them is not there."""
    taken = _read(store, name)
    if choice.since:
        taken = allocations.difference(_read(store, choice.since), taken)
    include, exclude = _patterns(choice.include), _patterns(choice.exclude)
    return allocations.chosen(taken, include=include, exclude=exclude, domain=choice.domain)


def row(worker: WorkerId, kept: Kept) -> dict[str, Any]:
    """Return what is said of one, as the API tells it."""
    return {
        "id": kept.id,
        "worker": worker_key(worker),
        "at": moment(kept.at),
        "reason": kept.reason,
        "bytes": kept.bytes,
        "count": kept.count,
        "stacks": kept.stacks,
    }


def _choice(found: dict[str, str]) -> Choice:
    since, domain = found.get("since", ""), found.get("domain")
    if since and not re.fullmatch(r"[0-9a-f]{16}", since, re.ASCII):
        raise queries.QueryError(f"since={since[:64]!r}: expected the id of a snapshot")
    if domain is not None and not re.fullmatch(r"[0-9]{1,9}", domain, re.ASCII):
        raise queries.QueryError(f"domain={domain[:64]!r}: expected a whole number from 0 on")
    for each in ("include", "exclude"):
        if len(found.get(each, "")) > PATTERN_MOST:
            raise queries.QueryError(f"{each}: expected at most {PATTERN_MOST} characters, like */shop/*")
    number = None if domain is None else int(domain)
    return Choice(since, found.get("include", ""), found.get("exclude", ""), number)


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _read(store: Store, name: str) -> Allocations:
    body = store.allocations_of(name)
    if body is None:
        raise MissingError(_missing(name))
    try:
        return allocations.unpacked(body)
    except WrongSnapshotError as error:
        raise MissingError(f"the snapshot {name} cannot be read: {error}") from None


def _missing(name: str) -> str:
    return f"no snapshot {name} is kept (any more)"
