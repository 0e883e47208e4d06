"""What each kind of setting may be written as, and how it is read.

Every parser takes what a mapping, a keyword argument or an environment variable holds; it returns the value, or
raises ValueError with what is allowed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

from memguard.alerting import CHANNEL_FORMS, RULE_FORMS, parse_channel, parse_rule
from memguard.units import DURATION_FORMS, SIZE_FORMS, parse_bytes, parse_seconds

RECYCLE_WAYS = ("auto", "report")
TOKEN_LENGTH_LEAST = 8
RELEASE_MOST = 64
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """An RSS limit as it was written.

    Attributes:
        bytes: The limit in bytes, or None where it is relative.
        share: A share of the container's limit (0 to 1), or None.
        of_baseline: A multiple of the worker's own RSS after warm-up (over 1), or None.
    """

    bytes: int | None = None
    share: float | None = None
    of_baseline: float | None = None


def one_of(*allowed: str) -> Callable[[object], str]:
    """Return a parser that takes one of these texts."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError("expected one of " + ", ".join(map(repr, allowed)))
        return value

    return parse


def text(value: object) -> str:
    """Return a text that is not empty and has no control characters."""
    if not isinstance(value, str) or not value.strip() or any(ord(character) < 32 for character in value):
        raise ValueError("expected a text that is not empty and has no control characters")
    return value


def service(value: object) -> str:
    """Return the name of a service; it names a file."""
    name = text(value)
    if len(name) > 64 or not all(character.isalnum() or character in "-_." for character in name) or name[0] == ".":
        raise ValueError("expected at most 64 letters, digits, '-', '_' and '.', because it names the store file")
    return name


def release(value: object) -> str:
    """Return the name of a version of the application."""
    name = text(value).strip()
    if len(name) > RELEASE_MOST:
        raise ValueError(f"expected a text of at most {RELEASE_MOST} characters, like a commit or a tag")
    return name


def number(least: float, most: float, kind: type[int] | type[float], what: str) -> Callable[[object], Any]:
    """Return a parser of a number between two others; `what` says which kind, in words."""

    def parse(value: object) -> int | float:
        try:
            number = kind(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
            raise ValueError(f"expected {what} from {least} to {most}")
        if kind(number) != number:
            raise ValueError(f"expected {what} from {least} to {most}")
        return kind(number)

    return parse


def ceiling(value: object) -> Ceiling:
    """Return a ceiling in any of its three forms."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            share = float(value.strip()[:-1]) / 100
        except ValueError:
            share = 0.0
        if not 0.01 <= share <= 10:
            raise ValueError('expected a percentage from 1% to 1000%, like "80%" (of the container) or "150%"')
        return Ceiling(share=share) if share <= 1 else Ceiling(of_baseline=share)
    try:
        return Ceiling(bytes=parse_bytes(value))
    except ValueError:
        raise ValueError(
            f'expected {SIZE_FORMS}, a share of the container\'s limit like "80%", '
            'or a multiple of the worker\'s own baseline like "150%"'
        ) from None


def seconds(value: object) -> float:
    """Return a duration in seconds."""
    try:
        return parse_seconds(value)
    except ValueError:
        raise ValueError(f"expected {DURATION_FORMS}") from None


def interval(value: object) -> float:
    """Return a duration of at least ten seconds, in seconds."""
    return _duration(value, 10, inf, "at least 10 seconds")


def retention(value: object) -> float:
    """Return a duration from an hour to a year, in seconds."""
    return _duration(value, 3600, 366 * 86400, "from one hour to a year")


def _duration(value: object, least: float, most: float, allowed: str) -> float:
    try:
        span = parse_seconds(value)
    except ValueError:
        span = 0.0
    if not least <= span <= most:
        raise ValueError(f"expected {DURATION_FORMS}, {allowed}")
    return span


def file_size(value: object) -> int:
    """Return a size from a megabyte on, in bytes."""
    try:
        size = parse_bytes(value)
    except ValueError:
        size = 0
    if size < 1_000_000:
        raise ValueError(f"expected {SIZE_FORMS}, at least 1MB")
    return size


def recycle(value: object) -> object:
    """Return one of `RECYCLE_WAYS`, or the callable."""
    if callable(value):
        return value
    try:
        return one_of(*RECYCLE_WAYS)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a callable") from None


def endpoint(value: object) -> str | None:
    """Return a path, None for none."""
    if value is None or value in ("", "none", "off"):
        return None
    path = text(value)
    if not path.startswith("/") or len(path) < 2 or path.endswith("/") or "?" in path or "//" in path:
        raise ValueError('expected a path like "/_memguard" (with a slash before it and none after it), or None')
    return path


def token(value: object) -> str | None:
    """Return a token, None for none."""
    if value is None or value == "":
        return None
    token = text(value)
    if len(token) < TOKEN_LENGTH_LEAST or not token.isascii() or " " in token:
        raise ValueError(f"expected at least {TOKEN_LENGTH_LEAST} ASCII characters without a space")
    return token


def store(value: object) -> str | None:
    """Return the path of a file or the address of a Redis, None for the default."""
    if value is None or value == "":
        return None
    if isinstance(value, Path):
        return str(value)
    place = text(value)
    if "://" in place and not place.startswith(REDIS_SCHEMES):
        schemes = ", ".join(REDIS_SCHEMES)
        raise ValueError(f"expected the path of a SQLite file, or the address of a Redis that begins with {schemes}")
    return place


def flag(value: object) -> bool:
    """Return a truth value."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    flag = words.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise ValueError(f"expected True or False (in the environment: {', '.join(words)})")
    return flag


def opentelemetry(value: object) -> bool:
    """Return what `flag` does; raise ValueError where it is true and OpenTelemetry is not installed."""
    is_wished = flag(value)
    if is_wished and find_spec("opentelemetry") is None:
        raise ValueError("OpenTelemetry is not installed here; install opentelemetry-api, or memguard-web[otel]")
    return is_wished


def patterns(value: object) -> tuple[str, ...]:
    """Return names with wildcards."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple | set | frozenset):
        raise ValueError('expected a list of operations with wildcards, like ["GET /health", "* /metrics"]')
    return tuple(text(part).strip() for part in parts)


def alerts(value: object) -> "tuple[str | Callable[..., object], ...]":
    """Return channels; a text holds several with commas between them."""
    parts = value.split(",") if isinstance(value, str) else [value] if callable(value) else value
    if not isinstance(parts, list | tuple | set | frozenset):
        raise ValueError(f"expected channels, each one of {CHANNEL_FORMS}")
    return tuple(parse_channel(part) for part in parts if part != "")


def alert_rules(value: object) -> tuple[str, ...]:
    """Return rules, each as it is named from now on; a text holds several with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple | set | frozenset):
        raise ValueError(f"expected rules, each one of {RULE_FORMS}")
    return tuple(parse_rule(part).text for part in parts)
