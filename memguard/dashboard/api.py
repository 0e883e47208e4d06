"""The JSON answers, and what their queries may hold."""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from memguard.dashboard.messages import JSON, QUERY_LIMIT, Request, Response, Source, response
from memguard.dashboard.report import SCHEMA, build, moment
from memguard.settings import Settings

LIMIT_DEFAULT = 1000
LIMIT_MOST = 10_000
NAME_MOST = 512

_SINCE = 'seconds since 1970, or a moment like "2027-01-15T08:00:00Z"'


class QueryError(ValueError):
    """A query is malformed; the message names the parameter, its value and what is allowed."""


def report_of(source: Source, settings: Settings) -> dict[str, Any]:
    """Return the report as it is now, this worker's last second included."""
    source.flush()
    store = source.store
    stored = store.read()
    return build(
        stored,
        service=settings.service,
        answered_by=source.worker_id,
        now=time.time(),
        place=store.place,
        notes=store.notes,
    )


def answer(name: str, request: Request, settings: Settings, source: Source) -> Response | None:
    """Return the answer of `/api/<name>`, None where there is no such name."""
    try:
        if name == "report":
            _asked(request.query, ())
            return as_json(200, report_of(source, settings))
        if name == "timeline":
            return as_json(200, _timeline(_asked(request.query, ("since", "limit")), settings, source))
        if name == "units":
            return as_json(200, _units(_asked(request.query, ("since", "limit", "operation")), settings, source))
    except QueryError as error:
        return as_json(400, {"error": str(error)})
    return None


def as_json(status: int, data: object) -> Response:
    """Return data as a response, in ASCII."""
    return response(status, JSON, json.dumps(data, separators=(",", ":"), allow_nan=False))


def _timeline(asked: dict[str, str], settings: Settings, source: Source) -> dict[str, Any]:
    source.flush()
    points = source.store.timeline(since=_since(asked), limit=_limit(asked))
    return {
        "schema": SCHEMA,
        "service": settings.service,
        "generated_at": moment(time.time()),
        "points": [
            {
                "at": moment(point.at),
                "host": worker.host,
                "pid": worker.pid,
                "rss_bytes": point.rss_bytes,
                "traced_bytes": point.traced_bytes,
                "units_total": point.units_total,
            }
            for worker, point in points
        ],
    }


def _units(asked: dict[str, str], settings: Settings, source: Source) -> dict[str, Any]:
    source.flush()
    operation = asked.get("operation")
    if operation is not None and not 0 < len(operation) <= NAME_MOST:
        raise QueryError(f"operation: expected a name of at most {NAME_MOST} characters, like GET /users/<id>")
    units = source.store.units(since=_since(asked), limit=_limit(asked), operation=operation)
    return {
        "schema": SCHEMA,
        "service": settings.service,
        "generated_at": moment(time.time()),
        "units": [
            {
                "at": moment(unit.at),
                "host": worker.host,
                "pid": worker.pid,
                "operation": {"kind": unit.operation.kind, "name": unit.operation.name},
                "seconds": unit.seconds,
                "body_sent_seconds": unit.body_sent,
                "error": unit.error,
                "overlapped": unit.overlapped,
                "traced_bytes": unit.traced,
                "traced_peak_bytes": unit.traced_peak,
                "objects": unit.objects,
                "blocks": unit.blocks,
                "rss_bytes": unit.rss,
            }
            for worker, unit in units
        ],
    }


def _asked(query: str, allowed: Iterable[str]) -> dict[str, str]:
    allowed = tuple(allowed)
    if len(query) > QUERY_LIMIT:
        raise QueryError(f"the query has {len(query)} characters; at most {QUERY_LIMIT} are read")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError:
        raise QueryError("the query is malformed: too many parameters, or not UTF-8") from None
    known = f"known here: {', '.join(allowed)}" if allowed else "none is known here"
    asked: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise QueryError(f"unknown parameter {name[:64]!r}; {known}")
        if name in asked:
            raise QueryError(f"{name}: given twice")
        asked[name] = value
    return asked


def _limit(asked: dict[str, str]) -> int:
    text = asked.get("limit", str(LIMIT_DEFAULT))
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= LIMIT_MOST:
        return int(text)
    raise QueryError(f"limit={text[:64]!r}: expected a whole number from 1 to {LIMIT_MOST}")


def _since(asked: dict[str, str]) -> float:
    text = asked.get("since", "0")
    if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", text, re.ASCII):
        return float(text)
    try:
        if len(text) <= 40 and text.isascii():
            then = datetime.fromisoformat(text.replace(" ", "+"))  # an unquoted "+" in a query is a space
            return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise QueryError(f"since={text[:64]!r}: expected {_SINCE}")
