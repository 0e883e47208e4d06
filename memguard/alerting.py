"""Rules and channels of alerts as people write them: what to tell, and to whom. Read once, at start."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from memguard.units import parse_bytes

Measure = Literal[
    "rss", "rss of ceiling", "rss of baseline", "slope", "objects", "recycles", "died", "finding", "finding back"
]

RULE_FORMS = (
    '"rss > 512MB", "rss > 90% of ceiling", "rss > 150% of baseline", "slope > 10MB per hour", "objects > 5 per unit", '
    '"recycles > 6 per hour", "died", "finding", "finding back"'
)
CHANNEL_FORMS = (
    '"log", "https://…" (JSON), "slack+https://…", "smtp://host:25/?to=a@b.example&from=c@d.example", '
    '"redis://host:6379/0?stream=memguard", "celery:shop.tasks.alerted", "snapshot", "trace:30s", or a callable'
)
_PATTERNS: tuple[tuple[Measure, re.Pattern[str]], ...] = (
    ("rss of ceiling", re.compile(r"rss > (?P<share>\d+(?:\.\d+)?)% of ceiling")),
    ("rss of baseline", re.compile(r"rss > (?P<share>\d+(?:\.\d+)?)% of baseline")),
    ("rss", re.compile(r"rss > (?P<size>\S+)")),
    ("slope", re.compile(r"slope > (?P<size>\S+) per hour")),
    ("objects", re.compile(r"objects > (?P<number>\d+(?:\.\d+)?) per unit")),
    ("recycles", re.compile(r"recycles > (?P<number>\d+) per hour")),
    ("died", re.compile(r"died")),
    ("finding back", re.compile(r"finding back")),
    ("finding", re.compile(r"finding")),
)
DEFAULT_RULES = ("finding", "finding back", "died", "recycles > 6 per hour")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        text: As it was written; it names the rule.
        measure: What is looked at.
        limit: Over which it fires: bytes, a share (1.0 is all of it), a number; 0.0 where it fires on an event.
    """

    text: str
    measure: Measure
    limit: float = 0.0


def parse_rule(value: object) -> Rule:
    """Return a rule; raise ValueError for anything but one of `RULE_FORMS`."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    for measure, pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            with suppress(ValueError):  # a size that is none
                return Rule(text, measure, _limit(match))
    raise ValueError(f"expected a rule, one of {RULE_FORMS}")


def _limit(match: re.Match[str]) -> float:
    found = match.groupdict()
    if "size" in found:
        return float(parse_bytes(found["size"]))
    if "share" in found:
        return float(found["share"]) / 100
    return float(found.get("number", 0.0))


def parse_channel(value: object) -> "str | Callable[..., object]":
    """Return a channel as it was written, once it is sure that it can be used; raise ValueError where it cannot."""
    if callable(value):
        return value
    text = value.strip() if isinstance(value, str) else ""
    scheme, _, rest = text.partition(":")
    if text in {"log", "snapshot"} or (scheme == "trace" and re.fullmatch(r"\d{1,3}s", rest)):
        return text
    if scheme == "celery" and re.fullmatch(r"[\w.]+", rest):
        return _needs(text, "celery")
    parts = urlsplit(text)
    query = parse_qs(parts.query)
    if parts.hostname and scheme in {"http", "https", "slack+http", "slack+https"}:
        return text
    if parts.hostname and scheme in {"smtp", "smtps"} and query.get("to"):
        return text
    if parts.hostname and scheme in {"redis", "rediss"} and query.get("stream"):
        return _needs(text, "redis")
    raise ValueError(f"expected channels, each one of {CHANNEL_FORMS}")


def _needs(text: str, package: str) -> str:
    if find_spec(package) is None:
        raise ValueError(f"this channel needs the package {package!r}, which is not installed here")
    return text
