import pytest

from tests.missing import missing


def test_what_is_missing_is_skipped_by_people_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason; a run that has to be complete is never green because of a skip."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="^no browser$"):
        missing("no browser")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no browser; CI may not go without"):
        missing("no browser")
