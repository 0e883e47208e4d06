import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Let garbage lie until it is collected."""
    gc.collect()
    thresholds = gc.get_threshold()
    gc.set_threshold(1_000_000, 1_000, 1_000)
    yield
    gc.set_threshold(*thresholds)
