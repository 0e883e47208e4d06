import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from example_apps.servers import Servers, environment, free_port
from tests.live.live import eventually
from tests.recycle.exchange import Connection, LostError
from tests.recycle.load import REQUESTS, SERVICE_RESTART
from tests.recycle.modes import ASGI, granian
from tests.recycle.running import SECONDS_TO_START, SETTINGS

LEAK_BYTES = 20_000_000
SECONDS = 120.0

pytestmark = pytest.mark.live


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Start servers here, so that they end with the test, and with this process if it dies."""
    with Servers() as started:
        yield started


def test_a_client_that_only_listens(servers: Servers, tmp_path: Path) -> None:
    """It is told to come back while its worker still serves, and not only in its last moment, when that may be too late."""
    port = free_port()
    command = granian(ASGI, port, interface="asgi", workers=1, respawn_seconds="20")
    environ = environment(
        RECYCLE_LEAK_BYTES=str(LEAK_BYTES),
        MEMGUARD_STORE=str(tmp_path / "store.db"),
        XDG_RUNTIME_DIR=str(tmp_path),
        **SETTINGS,
    )
    server = servers.start("granian", command, environ=environ, log=tmp_path / "log")
    server.wait_until(lambda: _asked(port), seconds=SECONDS_TO_START)
    ended = threading.Event()

    def load() -> None:
        while not ended.wait(0.05):
            _asked(port)

    loading = threading.Thread(target=load)
    with connect(f"ws://127.0.0.1:{port}/socket", open_timeout=30) as session:
        loading.start()
        try:
            with pytest.raises(ConnectionClosed) as closed:
                session.recv(timeout=SECONDS)
            log = server.log.read_text(errors="replace")
        finally:
            ended.set()
            loading.join()

    assert closed.value.rcvd is not None, server.tail()
    assert closed.value.rcvd.code == SERVICE_RESTART
    assert "Stopping old worker-1" not in log
    # Granian's parent writes this some moments after it was asked to, the client may be told before.
    eventually(lambda: "Respawning worker-1" in server.log.read_text(errors="replace"), "another worker")


def _asked(port: int) -> bool:
    try:
        return Connection(port).ask(REQUESTS["/"], keep=False).status == 200
    except LostError:
        return False
