import json
import subprocess
import sys
from typing import Any

import pytest

from memguard.settings import Settings, SettingsError


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Return what an SDK got of a process that serves with Flask, FastAPI, Django and Celery, each instrumented."""
    command = [sys.executable, "-m", "tests.unit.export.telling_otel"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "memguard failed" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["GET /flask", "GET /fastapi", "GET django", "run/told.keep"])
def test_the_span_of_a_unit_says_what_it_did_to_memory(told: dict[str, Any], name: str) -> None:
    """A request of each framework, and a task: traced bytes and their peak, RSS, and whether others were in flight."""
    said = told["spans"][name]

    assert said["memguard.memory.traced.change"] >= 3_000_000
    assert said["memguard.memory.traced.peak"] >= 3_000_000
    assert isinstance(said["memguard.memory.rss.change"], int)
    assert said["memguard.overlapped"] is False


def test_the_metrics_are_told_under_semantic_names(told: dict[str, Any]) -> None:
    """Memory of the process under OpenTelemetry's own name; units of each operation under memguard's."""
    (scope,) = [
        each for each in told["metrics"]["resource_metrics"][0]["scope_metrics"] if each["scope"]["name"] == "memguard"
    ]
    metrics = {each["name"]: each for each in scope["metrics"]}
    (usage,) = metrics["process.memory.usage"]["data"]["data_points"]
    units = {
        point["attributes"]["memguard.operation.name"]: point["value"]
        for point in metrics["memguard.units"]["data"]["data_points"]
    }

    assert metrics["process.memory.usage"]["unit"] == "By"
    assert usage["value"] > 9_000_000
    assert units == {"GET /flask": 1, "GET /fastapi": 1, "GET /django": 1, "told.keep": 1}
    assert {"memguard.units.active", "memguard.overhead", "memguard.errors", "memguard.residue"} <= set(metrics)


def test_without_the_library_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At start, with what to install; switched off it needs nothing."""
    monkeypatch.setattr("memguard.parsing.find_spec", lambda _: None)

    assert Settings.load(opentelemetry=False, environ={}).opentelemetry is False
    with pytest.raises(
        SettingsError, match=r"opentelemetry=True: OpenTelemetry is not installed here; install .*\[otel\]"
    ):
        Settings.load(opentelemetry=True, environ={})
