"""Every setting, its default and what it allows; the only reader of `MEMGUARD_*` environment variables.

A framework's mapping, keyword arguments and the environment all end in one frozen `Settings`. The environment wins,
so that an operator can change a deployed service. Whatever is wrong raises `SettingsError` at start.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from memguard import parsing
from memguard.alerting import DEFAULT_RULES
from memguard.parsing import Ceiling

__all__ = ["Ceiling", "Settings", "SettingsError"]

ENVIRONMENT_PREFIX = "MEMGUARD_"
MODES = ("watch", "trace", "off")
METRICS = ("rss", "uss", "pss")
HEALTH_CHECKS = ("* /health", "* /healthz", "* /health/", "* /livez", "* /readyz", "* /ping", "celery.ping")
TRACE_FRAMES_MOST = 64


class SettingsError(ValueError):
    """A setting is unknown or malformed; the message names it, its value and what is allowed."""


def _setting(default: Any, parse: Callable[[object], Any], *, optional: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "optional": optional})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process; build them with `Settings.load`, which validates.

    Attributes:
        service: Groups workers, web and Celery alike, into one report; names the default store file.
        release: Version of the application, like a commit: workers of one release are one row in a finding's history.
        mode: `watch` samples within the budget, `trace` measures every unit with tracemalloc, `off` passes through.
        overhead_budget: Share of the process's CPU time (0.0001 to 0.5) that windows may use.
        trace_frames: Depth of the tracebacks kept while tracing, 1 to 64 frames.
        rss_ceiling: RSS over which a worker is replaced once its work in hand is done; None for no limit.
        rss_hard_ceiling: RSS over which it is replaced without relief and without waiting for others; None for no limit.
        rss_metric: What a ceiling is compared with: `rss`, `uss` or `pss`.
        recycle: `auto`, `report` (say it, do nothing), or a callable that has this worker replaced.
        recycle_samples: How many readings in a row, four a second, must lie over the soft ceiling.
        recycle_concurrency: How many workers of the service on this host may leave at a time.
        recycle_min_uptime: Seconds a worker serves at least before it may leave.
        recycle_min_interval: Seconds between two workers of the service on this host that leave; longer than a start.
        drain_timeout: Seconds that a leaving worker waits at most for its connections to end, where it has to.
        supervised: Something outside (systemd, a container's restart policy) starts the process again when it ends.
        endpoint: Path of the page and the API below the application's root; None turns it off.
        token: Bearer token of the endpoint, at least 8 characters; None opens it to a debugging developer only.
        store: Path of the SQLite file, or `redis://` address; None for a file in the runtime directory.
        store_retention: Seconds that what a worker told outlives it, and that the timeline reaches back.
        store_size: Bytes that the store's file may have; its journal takes some megabytes more for a while.
        ignore: Operations that are not watched, as names with shell wildcards (`* /metrics`, `shop.tasks.ping`).
        snapshot_interval: Seconds between two snapshots of allocations while a worker traces; None for none but those asked for.
        snapshots_kept: How many of them the store keeps of each worker.
        alerts: Where alerts go: `log`, addresses, actions, callables; `log` alone tells new findings, by each worker.
        alert_rules: What is told there.
        alert_cooldown: Seconds in which the same cause is not told again.
        alerts_per_hour: How many alerts of a service are told in an hour, those that are over not counted.
        opentelemetry: Tell OpenTelemetry this process's metrics, and put what a unit did to memory on its span.
        show_keys: Show the keys of the host's dicts in a holder's path, and the beginning of texts and numbers that are
            asked for; they may be personal data.
    """

    service: str = _setting("default", parsing.service)
    release: str | None = _setting(None, parsing.release, optional=True)
    mode: str = _setting("watch", parsing.one_of(*MODES))
    overhead_budget: float = _setting(0.01, parsing.number(0.0001, 0.5, float, "a share"))
    trace_frames: int = _setting(8, parsing.number(1, TRACE_FRAMES_MOST, int, "a whole number"))
    rss_ceiling: Ceiling | None = _setting(None, parsing.ceiling, optional=True)
    rss_hard_ceiling: Ceiling | None = _setting(None, parsing.ceiling, optional=True)
    rss_metric: str = _setting("rss", parsing.one_of(*METRICS))
    recycle: str | Callable[..., object] = _setting("auto", parsing.recycle)
    recycle_samples: int = _setting(20, parsing.number(1, 10_000, int, "a whole number"))
    recycle_concurrency: int = _setting(1, parsing.number(1, 1024, int, "a whole number"))
    recycle_min_uptime: float = _setting(30.0, parsing.seconds)
    recycle_min_interval: float = _setting(10.0, parsing.seconds)
    drain_timeout: float = _setting(10.0, parsing.seconds)
    supervised: bool = _setting(False, parsing.flag)
    endpoint: str | None = _setting("/_memguard", parsing.endpoint)
    token: str | None = field(default=None, repr=False, metadata={"parse": parsing.token, "optional": False})
    store: str | None = field(default=None, repr=False, metadata={"parse": parsing.store, "optional": True})
    store_retention: float = _setting(7 * 86400.0, parsing.retention)
    store_size: int = _setting(64_000_000, parsing.file_size)
    ignore: tuple[str, ...] = _setting(HEALTH_CHECKS, parsing.patterns)
    snapshot_interval: float | None = _setting(None, parsing.interval, optional=True)
    snapshots_kept: int = _setting(10, parsing.number(1, 100, int, "a whole number"))
    alerts: tuple[str | Callable[..., object], ...] = _setting(("log",), parsing.alerts)
    alert_rules: tuple[str, ...] = _setting(DEFAULT_RULES, parsing.alert_rules)
    alert_cooldown: float = _setting(900.0, parsing.seconds)
    alerts_per_hour: int = _setting(12, parsing.number(1, 1000, int, "a whole number"))
    opentelemetry: bool = _setting(False, parsing.opentelemetry)
    show_keys: bool = _setting(False, parsing.flag)

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
            SettingsError: A name is unknown, a value malformed, or the hard ceiling not above the soft one.
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
        settings = cls(**{name: _parsed(spec, *given[name]) for name, spec in known.items() if name in given})
        _compare(settings.rss_ceiling, settings.rss_hard_ceiling)
        return settings

    @property
    def alerts_are_wished(self) -> bool:
        """Whether anything but new findings in the log is wished for."""
        return any(each != "log" for each in self.alerts) or self.alert_rules != DEFAULT_RULES

    def differences(self, others: "Settings") -> list[str]:
        """Return the names of the settings that are not the same."""
        mine, theirs = asdict(self), asdict(others)
        return [name for name in mine if mine[name] != theirs[name]]

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
        # The address of a Redis may have its password in it, and so may those of channels.
        is_secret = spec.name == "token" or (spec.name == "alerts" and "://" in str(value))
        is_secret = is_secret or (spec.name == "store" and "@" in str(value))
        shown = "…" if is_secret else repr(value)
        raise SettingsError(f"memguard setting {written}={shown}: {error}") from None


def _compare(soft: Ceiling | None, hard: Ceiling | None) -> None:
    if soft is None or hard is None:
        return
    for name in ("bytes", "share"):
        below, above = getattr(soft, name), getattr(hard, name)
        if below is not None and above is not None and above <= below:
            raise SettingsError(f"memguard setting rss_hard_ceiling must be above rss_ceiling ({above} <= {below})")
