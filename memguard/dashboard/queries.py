"""What the queries of the API may hold."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from memguard.dashboard.messages import QUERY_LIMIT

LIMIT_DEFAULT = 1000
LIMIT_MOST = 10_000
NAME_MOST = 512
STEP_MOST = 86_400

_MOMENT = 'seconds since 1970, or a moment like "2027-01-15T08:00:00Z"'


class QueryError(ValueError):
    """A query is malformed; the message names the parameter, its value and what is allowed."""


def asked(query: str, *allowed: str) -> dict[str, str]:
    """Return the parameters of a query, each of them once; raise QueryError for what is not allowed."""
    if len(query) > QUERY_LIMIT:
        raise QueryError(f"the query has {len(query)} characters; at most {QUERY_LIMIT} are read")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError:
        raise QueryError("the query is malformed: too many parameters, or not UTF-8") from None
    return _unique(pairs, allowed)


def _unique(pairs: Iterable[tuple[str, str]], allowed: tuple[str, ...]) -> dict[str, str]:
    known = f"known here: {', '.join(allowed)}" if allowed else "none is known here"
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise QueryError(f"unknown parameter {name[:64]!r}; {known}")
        if name in found:
            raise QueryError(f"{name}: given twice")
        found[name] = value
    return found


def whole_number(found: dict[str, str], name: str, default: int, most: int) -> int:
    """Return a parameter that is a whole number from 1 on."""
    text = found.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= most:
        return int(text)
    raise QueryError(f"{name}={text[:64]!r}: expected a whole number from 1 to {most}")


def limit(found: dict[str, str]) -> int:
    """Return how many rows are asked for."""
    return whole_number(found, "limit", LIMIT_DEFAULT, LIMIT_MOST)


def seconds(found: dict[str, str], name: str, default: float) -> float:
    """Return a parameter that is a moment, in seconds since the epoch."""
    if name not in found:
        return default
    text = found[name]
    if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", text, re.ASCII):
        return float(text)
    try:
        if len(text) <= 40 and text.isascii():
            then = datetime.fromisoformat(text.replace(" ", "+"))  # an unquoted "+" in a query is a space
            return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise QueryError(f"{name}={text[:64]!r}: expected {_MOMENT}")


def operation(found: dict[str, str]) -> str | None:
    """Return the name of the operation that is asked for, None for all."""
    name = found.get("operation")
    if name is not None and not 0 < len(name) <= NAME_MOST:
        raise QueryError(f"operation: expected a name of at most {NAME_MOST} characters, like GET /users/<id>")
    return name
