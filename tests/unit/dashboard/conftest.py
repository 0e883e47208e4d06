"""The dashboard's tests happen at one moment, so that what their workers told is always just now; no guess lasts."""

import pytest

from memguard.dashboard import access
from tests.unit.telling import NOW


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    access.guesses.forget()
