"""Every setting, its default and what it allows; the only reader of `MEMGUARD_*` environment variables.

A framework's mapping, keyword arguments and the environment all end in one frozen `Settings`. The environment wins,
so that an operator can change a deployed service. Whatever is wrong raises `SettingsError` at start.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from memguard.units import DURATION_FORMS, SIZE_FORMS, parse_bytes, parse_seconds

ENVIRONMENT_PREFIX = "MEMGUARD_"
MODES = ("watch", "trace", "off")
METRICS = ("rss", "uss", "pss")
RECYCLE_WAYS = ("auto", "report")
ALERT_CHANNELS = ("log",)
HEALTH_CHECKS = ("* /health", "* /healthz", "* /health/", "* /livez", "* /readyz", "* /ping", "celery.ping")
TRACE_FRAMES_MOST = 64
TOKEN_LENGTH_LEAST = 8


class SettingsError(ValueError):
    """A setting is unknown or malformed; the message names it, its value and what is allowed."""


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


def _one_of(*allowed: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError("expected one of " + ", ".join(map(repr, allowed)))
        return value

    return parse


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or any(ord(character) < 32 for character in value):
        raise ValueError("expected a text that is not empty and has no control characters")
    return value


def _service(value: object) -> str:
    name = _text(value)
    if len(name) > 64 or not all(character.isalnum() or character in "-_." for character in name) or name[0] == ".":
        raise ValueError("expected at most 64 letters, digits, '-', '_' and '.', because it names the store file")
    return name


def _number(least: float, most: float, kind: type[int] | type[float], what: str) -> Callable[[object], Any]:
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


def _ceiling(value: object) -> Ceiling:
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


def _seconds(value: object) -> float:
    try:
        return parse_seconds(value)
    except ValueError:
        raise ValueError(f"expected {DURATION_FORMS}") from None


def _recycle(value: object) -> object:
    if callable(value):
        return value
    try:
        return _one_of(*RECYCLE_WAYS)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a callable") from None


def _endpoint(value: object) -> str | None:
    if value is None or value in ("", "none", "off"):
        return None
    path = _text(value)
    if not path.startswith("/") or len(path) < 2 or path.endswith("/") or "?" in path or "//" in path:
        raise ValueError('expected a path like "/_memguard" (with a slash before it and none after it), or None')
    return path


def _token(value: object) -> str | None:
    if value is None or value == "":
        return None
    token = _text(value)
    if len(token) < TOKEN_LENGTH_LEAST or not token.isascii() or " " in token:
        raise ValueError(f"expected at least {TOKEN_LENGTH_LEAST} ASCII characters without a space")
    return token


def _store(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, Path):
        return str(value)
    place = _text(value)
    if "://" in place:
        raise ValueError("expected the path of a SQLite file (a store over the network is not part of this version)")
    return place


def _patterns(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple | set | frozenset):
        raise ValueError('expected a list of operations with wildcards, like ["GET /health", "* /metrics"]')
    return tuple(_text(part).strip() for part in parts)


def _alerts(value: object) -> tuple[str, ...]:
    return tuple(_one_of(*ALERT_CHANNELS)(part) for part in _patterns(value))


def _setting(default: Any, parse: Callable[[object], Any], *, optional: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "optional": optional})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process; build them with `Settings.load`, which validates.

    Attributes:
        service: Groups workers, web and Celery alike, into one report; names the default store file.
        mode: `watch` samples within the budget, `trace` measures every unit with tracemalloc, `off` passes through.
        overhead_budget: Share of the process's CPU time (0.0001 to 0.5) that windows may use.
        trace_frames: Depth of the tracebacks kept while tracing, 1 to 64 frames.
        rss_ceiling, rss_hard_ceiling: RSS limits of a worker, None for no limit.
        rss_metric: What a ceiling is compared with: `rss`, `uss` or `pss`.
        recycle: `auto`, `report`, or a callable that asks the server to replace this worker.
        recycle_concurrency: How many workers of the service on this host may leave at a time.
        recycle_min_uptime: Seconds a worker serves at least before it may leave.
        endpoint: Path of the page and the API below the application's root; None turns it off.
        token: Bearer token of the endpoint, at least 8 characters; None opens it to a debugging developer only.
        store: Path of the SQLite file; None for one named after the service in the runtime directory.
        ignore: Operations that are not watched, as names with shell wildcards (`* /metrics`, `shop.tasks.ping`).
        alerts: Channels that new findings are told to.
    """

    service: str = _setting("default", _service)
    mode: str = _setting("watch", _one_of(*MODES))
    overhead_budget: float = _setting(0.01, _number(0.0001, 0.5, float, "a share"))
    trace_frames: int = _setting(8, _number(1, TRACE_FRAMES_MOST, int, "a whole number"))
    rss_ceiling: Ceiling | None = _setting(None, _ceiling, optional=True)
    rss_hard_ceiling: Ceiling | None = _setting(None, _ceiling, optional=True)
    rss_metric: str = _setting("rss", _one_of(*METRICS))
    recycle: str | Callable[..., object] = _setting("auto", _recycle)
    recycle_concurrency: int = _setting(1, _number(1, 1024, int, "a whole number"))
    recycle_min_uptime: float = _setting(30.0, _seconds)
    endpoint: str | None = _setting("/_memguard", _endpoint)
    token: str | None = field(default=None, repr=False, metadata={"parse": _token, "optional": False})
    store: str | None = _setting(None, _store)
    ignore: tuple[str, ...] = _setting(HEALTH_CHECKS, _patterns)
    alerts: tuple[str, ...] = _setting(("log",), _alerts)

    @classmethod
    def load(
        cls,
        mapping: Mapping[str, object] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> "Settings":
        """Return validated settings from a framework's mapping, keyword arguments and the environment, which wins.

        Args:
            mapping: Setting names in any case (`RSS_CEILING`, `rss_ceiling`) to values.
            environ: Where `MEMGUARD_*` variables are read from; the process's own by default.
            arguments: Setting names to values; they win over the mapping.

        Raises:
            SettingsError: A name is unknown or a value malformed.
        """
        known = {spec.name: spec for spec in fields(cls)}
        given: dict[str, tuple[str, object]] = {}
        if mapping is not None and not isinstance(mapping, Mapping):
            raise SettingsError(f"MEMGUARD={mapping!r}: expected a mapping of setting names to values")
        for name, value in {**(mapping or {}), **arguments}.items():
            given[_known(str(name), str(name).lower(), known)] = (str(name), value)
        for name, text in (os.environ if environ is None else environ).items():
            if name.startswith(ENVIRONMENT_PREFIX):
                given[_known(name, name.removeprefix(ENVIRONMENT_PREFIX).lower(), known)] = (name, text)
        return cls(**{name: _parsed(spec, *given[name]) for name, spec in known.items() if name in given})

    def ignores(self, name: str) -> bool:
        """Tell whether the operation of that name is not to be watched."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignore)


def _known(written: str, name: str, known: Mapping[str, object]) -> str:
    if name not in known:
        raise SettingsError(f"unknown memguard setting {written!r}; known settings: {', '.join(sorted(known))}")
    return name


def _parsed(spec: Any, written: str, value: object) -> Any:
    if spec.metadata["optional"] and (value is None or value == ""):
        return None
    try:
        return spec.metadata["parse"](value)
    except ValueError as error:
        shown = "…" if spec.name == "token" else repr(value)
        raise SettingsError(f"memguard setting {written}={shown}: {error}") from None
