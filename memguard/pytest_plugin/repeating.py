"""The marker: a test that is run again and again, in the fixtures it was given."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

import pytest

from memguard.pytest_plugin.judging import begun, settled
from memguard.pytest_plugin.recorders import Recorders
from memguard.trials.limits import LimitError, Limits, load


class Repeating:
    """The part of the plugin that is there only if some test asks for it."""

    def __init__(self, items: Iterable[pytest.Item], common: Mapping[str, object]) -> None:
        """Read the limits of all these tests; a wrong one ends the session before any test runs."""
        found = {item: _limits(item, common) for item in items}
        self._limits = {item: limits for item, limits in found.items() if limits is not None}

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """After the test itself: its repetitions. Innermost of all wrappers, where its output is being captured."""
        limits = self._limits.get(item)
        recorders = Recorders(item) if limits is not None else None
        yield
        if limits is None or recorders is None:
            return
        trial = begun(limits, item)
        with trial.paused, closing(trial.runs) as runs:
            for number, _ in enumerate(runs, 2):
                recorders.empty()
                try:
                    item.runtest()
                except Exception as error:
                    error.add_note(f"memguard: it happened in run {number} of the test, which its marker repeats")
                    raise
        recorders.put_back()
        settled(trial, item, "this test")


def _limits(item: pytest.Item, common: Mapping[str, object]) -> Limits | None:
    marker = item.get_closest_marker("memguard")
    given = dict(marker.kwargs) if marker is not None else {}
    try:
        if marker is not None and marker.args:
            raise LimitError(f"it takes names with values, not {marker.args[0]!r}; like max_growth={'1KB'!r}")
        if given.pop("enabled", True) is False:
            return None
        return load({**common, **given})
    except LimitError as error:
        raise pytest.UsageError(f"{item.nodeid}: marker memguard: {error}") from None
