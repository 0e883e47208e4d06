"""The stores that one suite runs over: SQLite in memory and in a file, and a real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers, free_port
from memguard.store import Bounds, SqliteStore, Store
from memguard.store.connection import MEMORY, Database
from memguard.store.redis_origin import RedisOrigin, connect
from tests.unit.store.kinds import KINDS, Make


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a redis-server that keeps nothing on disk."""
    directory, port = tmp_path_factory.mktemp("redis"), free_port()
    with Servers() as servers:
        server = servers.start("redis", commands.redis(port, directory), environ={}, log=directory / "redis.log")
        server.wait_until(lambda: commands.redis_answers(port), seconds=30)
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """Return the address of an empty Redis."""
    client = connect(redis_server)
    client.flushall()
    client.close()
    return redis_server


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return what makes a store of a service; all that it makes in one test are in one place."""
    made: list[Store] = []
    memory = Database(MEMORY)

    def store(service: str = "shop", bounds: Bounds | None = None) -> Store:
        bounds = bounds or Bounds()
        if request.param == "redis":
            made.append(RedisOrigin(request.getfixturevalue("redis_url"), service, bounds).open())
        else:
            database = memory if request.param == "memory" else Database(str(tmp_path / "a.sqlite"))
            made.append(SqliteStore(database, service, bounds))
        return made[-1]

    if request.param == "redis":
        request.getfixturevalue("redis_url")
    yield store
    for each in made:
        each.close()


@pytest.fixture
def store(make: Make) -> Store:
    """Return a store of the service `shop`."""
    return make()
