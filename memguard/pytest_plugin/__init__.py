"""pytest: a test that fails when what it runs leaves something behind, run after run.

`@pytest.mark.memguard` repeats a test; the fixture `memguard` repeats any callable. Nothing is imported, traced or hooked
until a test asks for it.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from memguard.pytest_plugin.fixture import Memguard

_MARKER = (
    "memguard(max_growth=None, max_peak=None, max_objects=None, repeat=20, warmup=10, enabled=True): run the test again "
    "and again; fail it if each run leaves something behind, or if it takes more than the limits allow."
)
_SETTINGS = {
    "max_growth": "bytes that may stay after a run of any test, like 1KB",
    "max_peak": "bytes that a run of any test may need at once, like 50MB",
    "max_objects": "objects that may stay after a run of any test",
    "repeat": "runs of a round, where a test says nothing else (default: 20)",
    "warmup": "runs before the first round, where a test says nothing else (default: 10)",
}
_PREFIX = "memguard_"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the limits that hold for all tests."""
    for name, told in _SETTINGS.items():
        parser.addini(_PREFIX + name, told, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the tests that are to be repeated; where there is none, nothing else of this plugin runs."""
    common = {name: text for name in _SETTINGS if (text := config.getini(_PREFIX + name))}
    is_for_all = any(name in common for name in ("max_growth", "max_peak", "max_objects"))
    marked = [each for each in items if is_for_all or each.get_closest_marker("memguard") is not None]
    if marked:
        from memguard.pytest_plugin.repeating import Repeating

        config.pluginmanager.register(Repeating(marked, common))


@pytest.fixture
def memguard(request: pytest.FixtureRequest) -> "Memguard":
    """Runs a callable until it settles, and fails if each run leaves something behind: `memguard.check(call)`."""
    from memguard.pytest_plugin.fixture import Memguard

    return Memguard(request.node)
