"""What every test of the wiring gets."""

import pytest

from memguard.wiring import search


@pytest.fixture(autouse=True)
def _time_to_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search finds is the same on a machine that is busy; that its time is bounded is the search's own test."""
    monkeypatch.setattr(search, "SEARCH_SECONDS", 20.0)
    monkeypatch.setattr(search, "SEARCH_SECONDS_OF_GROWERS", 20.0)
