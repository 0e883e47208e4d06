"""The servers that live tests start, and the broker they share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers, free_port


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Start servers here: whatever a test leaves running ends with the session, and with this process if it dies."""
    with Servers() as started:
        yield started


@pytest.fixture(scope="session")
def broker_port(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A redis-server on loopback that keeps nothing."""
    directory = tmp_path_factory.mktemp("redis")
    port = free_port()
    redis = servers.start("redis", commands.redis(port, directory), environ={}, log=directory / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(port), seconds=20)
    return port


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as live; in parallel runs, those that look at the same server stay together."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.live)
            if isinstance(item, pytest.Function) and not _shares_a_port(item):
                item.add_marker(pytest.mark.xdist_group(_server_of(item)))


def _shares_a_port(item: pytest.Item) -> bool:
    """Tell whether it starts the demo, whose port is always the same where it is free."""
    return item.path.name == "test_demo.py"


def _server_of(item: pytest.Function) -> str:
    """Return the name of what is loaded once for many tests, else the test's own."""
    loaded = item.callspec.params.get("loaded") if hasattr(item, "callspec") else None
    return f"{item.path.name} {getattr(loaded, 'id', loaded)}" if loaded is not None else item.nodeid
