"""What the tests of recycling share."""

from collections.abc import Iterator

import pytest

from example_apps.servers import Servers
from tests.recycle.celery_brokers import redis
from tests.recycle.celery_ways import app


@pytest.fixture(scope="session")
def ways_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one Redis that `celery_ways` sends over: an app that was once connected stays with its broker and its results."""
    with Servers() as servers:
        url = f"{redis(servers, tmp_path_factory.mktemp('redis'))}/0"
        app.conf.update(broker_url=url, result_backend=url)
        yield url
        app.close()
