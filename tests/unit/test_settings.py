"""Every way to write a setting ends in one validated value, or in an error that says what to write instead."""

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from memguard.alerting import DEFAULT_RULES
from memguard.settings import HEALTH_CHECKS, Ceiling, Settings, SettingsError

# What `Settings` starts from when nothing is said: design §9.
DEFAULTS: dict[str, object] = {
    "service": "default",
    "release": None,
    "mode": "watch",
    "overhead_budget": 0.01,
    "trace_frames": 8,
    "rss_ceiling": None,
    "rss_hard_ceiling": None,
    "rss_metric": "rss",
    "recycle": "auto",
    "recycle_samples": 20,
    "recycle_concurrency": 1,
    "recycle_min_uptime": 30.0,
    "recycle_min_interval": 10.0,
    "drain_timeout": 10.0,
    "supervised": False,
    "endpoint": "/_memguard",
    "token": None,
    "store": None,
    "store_retention": 604_800.0,
    "store_size": 64_000_000,
    "ignore": HEALTH_CHECKS,
    "snapshot_interval": None,
    "snapshots_kept": 10,
    "alerts": ("log",),
    "alert_rules": DEFAULT_RULES,
    "alert_cooldown": 900.0,
    "alerts_per_hour": 12,
    "opentelemetry": False,
    "show_keys": False,
}


def leave() -> None:
    """Stand in for a callable that asks a server to replace its worker."""


GOOD: list[tuple[str, object, object]] = [
    ("service", "shop", "shop"),
    ("service", "shop-2_eu.west", "shop-2_eu.west"),
    ("service", "s" * 64, "s" * 64),
    ("release", " 1.4.2 ", "1.4.2"),
    ("release", "", None),
    ("mode", "watch", "watch"),
    ("mode", "trace", "trace"),
    ("mode", "off", "off"),
    ("overhead_budget", 0.05, 0.05),
    ("overhead_budget", "0.05", 0.05),
    ("overhead_budget", 0.0001, 0.0001),
    ("overhead_budget", 0.5, 0.5),
    ("trace_frames", 1, 1),
    ("trace_frames", "64", 64),
    ("trace_frames", 8.0, 8),
    ("rss_ceiling", "512MB", Ceiling(bytes=512_000_000)),
    ("rss_ceiling", 512_000_000, Ceiling(bytes=512_000_000)),
    ("rss_ceiling", "80%", Ceiling(share=0.8)),
    ("rss_ceiling", "100%", Ceiling(share=1.0)),
    ("rss_ceiling", "150%", Ceiling(of_baseline=1.5)),
    ("rss_ceiling", " 80 % ", Ceiling(share=0.8)),
    ("rss_ceiling", None, None),
    ("rss_ceiling", "", None),
    ("rss_hard_ceiling", "1GiB", Ceiling(bytes=2**30)),
    ("rss_metric", "pss", "pss"),
    ("recycle", "report", "report"),
    ("recycle", leave, leave),
    ("recycle_samples", "4", 4),
    ("recycle_concurrency", 3, 3),
    ("recycle_min_uptime", "5m", 300.0),
    ("recycle_min_interval", "1m", 60.0),
    ("drain_timeout", 2.5, 2.5),
    ("supervised", "yes", True),
    ("endpoint", "/debug/memory", "/debug/memory"),
    ("endpoint", None, None),
    ("endpoint", "off", None),
    ("endpoint", "none", None),
    ("endpoint", "", None),
    ("token", "12345678", "12345678"),
    ("token", "", None),
    ("store", Path("/var/lib/shop.sqlite"), "/var/lib/shop.sqlite"),
    ("store", "shop.sqlite", "shop.sqlite"),
    ("store", "", None),
    ("store", "redis://localhost/0", "redis://localhost/0"),
    ("store_retention", "2d", 172_800.0),
    ("store_size", "10MB", 10_000_000),
    ("snapshot_interval", "5m", 300.0),
    ("snapshot_interval", "", None),
    ("snapshots_kept", "3", 3),
    ("ignore", ["GET /health", "* /metrics"], ("GET /health", "* /metrics")),
    ("ignore", "GET /health, * /metrics", ("GET /health", "* /metrics")),
    ("ignore", (), ()),
    ("alerts", "log", ("log",)),
    ("alerts", [], ()),
    ("show_keys", True, True),
    ("show_keys", "yes", True),
    ("show_keys", "OFF", False),
]

BAD: list[tuple[str, object, str]] = [
    ("service", "", "expected a text that is not empty"),
    ("service", 7, "expected a text that is not empty"),
    ("service", "a\nb", "has no control characters"),
    ("service", "../etc", "at most 64 letters, digits, '-', '_' and '.'"),
    ("service", ".hidden", "because it names the store file"),
    ("service", "s" * 65, "at most 64 letters"),
    ("release", "r" * 65, "at most 64 characters, like a commit or a tag"),
    ("release", 7, "expected a text that is not empty"),
    ("mode", "wach", "expected one of 'watch', 'trace', 'off'"),
    ("mode", "WATCH", "expected one of 'watch', 'trace', 'off'"),
    ("mode", None, "expected one of 'watch', 'trace', 'off'"),
    ("mode", ["watch"], "expected one of 'watch', 'trace', 'off'"),
    ("overhead_budget", 0, "expected a share from 0.0001 to 0.5"),
    ("overhead_budget", 1, "expected a share from 0.0001 to 0.5"),
    ("overhead_budget", "1%", "expected a share from 0.0001 to 0.5"),
    ("overhead_budget", True, "expected a share from 0.0001 to 0.5"),
    ("overhead_budget", "nan", "expected a share from 0.0001 to 0.5"),
    ("overhead_budget", None, "expected a share from 0.0001 to 0.5"),
    ("snapshot_interval", "5s", "at least 10 seconds"),
    ("snapshots_kept", 101, "expected a whole number from 1 to 100"),
    ("trace_frames", 0, "expected a whole number from 1 to 64"),
    ("trace_frames", 65, "expected a whole number from 1 to 64"),
    ("trace_frames", 8.5, "expected a whole number from 1 to 64"),
    ("trace_frames", "many", "expected a whole number from 1 to 64"),
    ("trace_frames", "8.0", "expected a whole number from 1 to 64"),
    ("rss_ceiling", "512 bananas", 'a text like "512MB"'),
    ("rss_ceiling", "512 bananas", 'like "80%"'),
    ("rss_ceiling", -1, 'a text like "512MB"'),
    ("rss_ceiling", "0%", "expected a percentage from 1% to 1000%"),
    ("rss_ceiling", "0.5%", "expected a percentage from 1% to 1000%"),
    ("rss_ceiling", "2000%", "expected a percentage from 1% to 1000%"),
    ("rss_ceiling", "nan%", "expected a percentage from 1% to 1000%"),
    ("rss_ceiling", "half%", "expected a percentage from 1% to 1000%"),
    ("rss_hard_ceiling", "lots", 'a text like "512MB"'),
    ("rss_metric", "vms", "expected one of 'rss', 'uss', 'pss'"),
    ("recycle", "always", "expected one of 'auto', 'report', or a callable"),
    ("recycle_samples", 0, "expected a whole number from 1 to 10000"),
    ("recycle_concurrency", 0, "expected a whole number from 1 to 1024"),
    ("recycle_min_uptime", "soon", 'a text like "500ms", "30s"'),
    ("recycle_min_interval", 0, 'a text like "500ms", "30s"'),
    ("drain_timeout", "never", 'a text like "500ms", "30s"'),
    ("supervised", "systemd", "expected True or False"),
    ("endpoint", "memory", 'expected a path like "/_memguard"'),
    ("endpoint", "/", 'expected a path like "/_memguard"'),
    ("endpoint", "/memory/", 'expected a path like "/_memguard"'),
    ("endpoint", "//memory", 'expected a path like "/_memguard"'),
    ("endpoint", "/memory?x", 'expected a path like "/_memguard"'),
    ("endpoint", "/mem\r\nory", "has no control characters"),
    ("endpoint", 7, "expected a text"),
    ("store", "memcached://localhost", "or the address of a Redis that begins with redis://, rediss://, unix://"),
    ("store_retention", "59m", "from one hour to a year"),
    ("store_retention", 400 * 86400, "from one hour to a year"),
    ("store_retention", "long", "from one hour to a year"),
    ("store_size", "1kB", "at least 1MB"),
    ("store_size", True, "at least 1MB"),
    ("store", 7, "expected a text"),
    ("ignore", 7, "expected a list of operations with wildcards"),
    ("ignore", {"GET /health": True}, "expected a list of operations with wildcards"),
    ("ignore", ["GET /health", 7], "expected a text"),
    ("ignore", ["GET /health", ""], "expected a text"),
    ("alerts", ["pager"], 'expected channels, each one of "log"'),
    ("alert_rules", "rss > much", 'expected a rule, one of "rss > 512MB"'),
    ("alert_cooldown", "soon", "expected a number of seconds"),
    ("alerts_per_hour", 0, "expected a whole number from 1 to 1000"),
    ("show_keys", "maybe", "expected True or False"),
    ("show_keys", 1, "expected True or False"),
]


def test_defaults() -> None:
    """Settings of which nothing was said are those the documentation lists."""
    settings = Settings.load()

    assert {spec.name: getattr(settings, spec.name) for spec in fields(settings)} == DEFAULTS


@pytest.mark.parametrize(("name", "value", "stored"), GOOD, ids=lambda value: str(value)[:20])
def test_good_values(name: str, value: Any, stored: object) -> None:
    """A value that is allowed is stored in its one canonical form, whichever way it came in."""
    assert getattr(Settings.load({name.upper(): value}), name) == stored
    assert getattr(Settings.load(**{name: value}), name) == stored
    if isinstance(value, str):
        assert getattr(Settings.load(environ={f"MEMGUARD_{name.upper()}": value}), name) == stored


@pytest.mark.parametrize(("name", "value", "allowed"), BAD, ids=lambda value: str(value)[:20])
def test_bad_values(name: str, value: Any, allowed: str) -> None:
    """A value that is not allowed is an error naming the setting as it was written, the value and what is allowed."""
    for load, written in _ways(name, value):
        with pytest.raises(SettingsError, match=re.escape(allowed)) as caught:
            load()

        assert str(caught.value).startswith(f"memguard setting {written}={value!r}: ")


def _ways(name: str, value: Any) -> list[tuple[Callable[[], Settings], str]]:
    upper = name.upper()
    ways: list[tuple[Callable[[], Settings], str]] = [
        (lambda: Settings.load({upper: value}), upper),
        (lambda: Settings.load(**{name: value}), name),
    ]
    if isinstance(value, str) and value:
        ways.append((lambda: Settings.load(environ={f"MEMGUARD_{upper}": value}), f"MEMGUARD_{upper}"))
    return ways


@pytest.mark.parametrize("token", ["short", "eight 88", "pässwörter", "tab\tbed-token", 12345678])
def test_a_bad_token_is_not_told(token: object) -> None:
    """The error about a token does not show it."""
    with pytest.raises(SettingsError, match="memguard setting TOKEN=…: expected ") as caught:
        Settings.load({"TOKEN": token})

    assert str(token) not in str(caught.value)


def test_the_token_is_not_shown() -> None:
    """Settings can be logged: their repr leaves the token out."""
    assert "a-secret-token" not in repr(Settings.load(token="a-secret-token"))


@pytest.mark.parametrize(
    ("load", "written"),
    [
        (lambda: Settings.load({"RSS_CIELING": "1GB"}), "RSS_CIELING"),
        (lambda: Settings.load(rss_cieling="1GB"), "rss_cieling"),
        (lambda: Settings.load(environ={"MEMGUARD_RSS_CIELING": "1GB"}), "MEMGUARD_RSS_CIELING"),
        (lambda: Settings.load({"": 1}), ""),
        (lambda: Settings.load({7: 1}), "7"),  # type: ignore[dict-item]  # what a host may write
    ],
)
def test_unknown_settings(load: Callable[[], Settings], written: str) -> None:
    """A setting that does not exist is named as it was written, with all that do exist."""
    with pytest.raises(SettingsError, match=f"^unknown memguard setting '{written}'; known settings: ") as caught:
        load()

    assert str(caught.value).endswith(", ".join(sorted(DEFAULTS)))


@pytest.mark.parametrize("mapping", ["512MB", ["RSS_CEILING"], 7, Settings.load()])
def test_settings_that_are_no_mapping(mapping: object) -> None:
    """`MEMGUARD = "512MB"` is an error of its own, not one from deep inside."""
    with pytest.raises(SettingsError, match="^MEMGUARD=.*: expected a mapping of setting names to values$"):
        Settings.load(mapping)  # type: ignore[arg-type]  # what a host may write


def test_the_environment_wins() -> None:
    """An operator's variable beats the keyword argument, which beats the framework's mapping."""
    mapping = {"SERVICE": "mapping", "MODE": "trace", "TRACE_FRAMES": 3}
    settings = Settings.load(mapping, service="argument", mode="off", environ={"MEMGUARD_SERVICE": "environment"})

    assert (settings.service, settings.mode, settings.trace_frames) == ("environment", "off", 3)


def test_what_the_environment_overrides_is_not_judged() -> None:
    """An operator can replace a malformed value of a deployed service."""
    assert Settings.load(mode="nonsense", environ={"MEMGUARD_MODE": "off"}).mode == "off"


def test_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MEMGUARD_*` variables of the process count; variables of others do not."""
    monkeypatch.setenv("MEMGUARD_SERVICE", "shop")
    monkeypatch.setenv("MEMGUARDIAN_MODE", "off")

    assert Settings.load() == Settings.load(service="shop", environ={})


def test_settings_are_frozen() -> None:
    """What was validated at start cannot be changed unvalidated later."""
    with pytest.raises(FrozenInstanceError):
        Settings.load().mode = "trace"  # type: ignore[misc]  # what is tested


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("GET /health", True),
        ("HEAD /healthz", True),
        ("celery.ping", True),
        ("GET /healthy", False),
        ("shop.tasks.bill", False),
        ("GET /users/<id>", False),
    ],
)
def test_ignored_operations(name: str, ignored: bool) -> None:
    """Health checks are not watched by default; nothing else is left out."""
    assert Settings.load().ignores(name) is ignored


def test_own_ignore_list_replaces_the_default() -> None:
    """A list of one's own says all there is to ignore, with shell wildcards, in the right case."""
    settings = Settings.load(ignore=["GET /static/*"])

    assert settings.ignores("GET /static/<path>")
    assert not settings.ignores("get /static/<path>")
    assert not settings.ignores("GET /health")


@pytest.mark.parametrize(
    ("soft", "hard"), [("512MB", "512MB"), ("512MB", "300MB"), ("80%", "80%"), ("80%", "50%"), ("2GB", 10)]
)
def test_ceilings_the_wrong_way_round(soft: object, hard: object) -> None:
    """A hard ceiling at or below the soft one is an error, where that can be told before the process serves."""
    with pytest.raises(SettingsError, match="rss_hard_ceiling must be above rss_ceiling"):
        Settings.load(rss_ceiling=soft, rss_hard_ceiling=hard)


@pytest.mark.parametrize(("soft", "hard"), [("300MB", "512MB"), ("80%", "90%"), ("512MB", "90%"), ("80%", "10MB")])
def test_ceilings_that_cannot_be_compared_yet(soft: object, hard: object) -> None:
    """Ceilings of different forms are compared once the process serves."""
    settings = Settings.load(rss_ceiling=soft, rss_hard_ceiling=hard)

    assert settings.rss_ceiling != settings.rss_hard_ceiling
