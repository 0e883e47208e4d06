from collections.abc import Iterator
from pathlib import Path

import pytest

from example_apps.servers import Servers
from tests.recycle.exchange import SECONDS
from tests.recycle.modes import MODES, Mode
from tests.recycle.running import Aim, run

AIM = Aim(requests=2000, recycles=15, seconds=300)

pytestmark = [pytest.mark.live, pytest.mark.recycle]


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Start servers here, so that they end with the test, and with this process if it dies."""
    with Servers() as started:
        yield started


@pytest.mark.parametrize("mode", [mode for mode in MODES if not mode.is_large], ids=lambda mode: mode.name)
def test_nothing_is_lost(mode: Mode, servers: Servers, tmp_path: Path) -> None:
    """While leaking workers are replaced one after another, every request gets its whole answer at the first try.

    Websockets end with 1012, service restart; the workers of the start are all gone in the end, and each that is gone has
    said that it was over its ceiling. At no time was there nobody who answered for as long as a client waits.
    """
    result = run(mode, servers, tmp_path, AIM)
    told = f"{result}\n{result.tail}"
    assert not result.lost, told
    assert result.reached(AIM), told
    assert not result.wrong, told
    assert result.gap < SECONDS, told
    assert result.servers == {mode.server}, told
    assert bool(result.websockets) == mode.websocket, told
