import sys

import pytest

from memguard.instruments.blocks import AFFORDABLE_SECONDS, RARELY, BlockCounter


class Costly(BlockCounter):
    """A counter whose readings cost what the test says."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.cost = seconds
        self.readings = 0

    def read(self) -> int:
        count = super().read()
        self._seconds = self.cost
        self.readings += 1
        return count


def test_blocks_are_those_of_the_process() -> None:
    """Bytes that no collector tracks are seen: a thousand of them take a thousand blocks, and give them back."""
    counter = BlockCounter()
    kept: list[bytes] = [b""] * 1000
    before = counter.read()
    for number in range(1000):
        kept[number] = b"%d" % (10**20 + number)
    during = counter.read()
    kept.clear()
    after = counter.read()

    assert during - before == pytest.approx(1000, abs=20)
    assert after - before == pytest.approx(0, abs=20)
    assert counter.read() == pytest.approx(sys.getallocatedblocks(), abs=20)


@pytest.mark.parametrize(
    ("cost", "one_in"),
    [(0.0, 1), (0.9, 1), (1.0, 2), (5.5, 6), (RARELY - 1, RARELY), (RARELY, RARELY + 1), (RARELY * 100, RARELY + 1)],
)
def test_a_costly_reading_is_rare(cost: float, one_in: int) -> None:
    """A reading that costs n times what is affordable is made each n-th time or so, and often enough however costly."""
    counter = Costly(cost * AFFORDABLE_SECONDS)
    turns = [counter.read_if_affordable() is not None for _ in range(one_in * 10)]

    assert turns == [number % one_in == 0 for number in range(one_in * 10)]
    assert counter.readings == 10


def test_a_heap_that_gets_smaller() -> None:
    """Once readings are cheap again, each turn is one."""
    counter = Costly(3 * AFFORDABLE_SECONDS)
    assert counter.read_if_affordable() is not None
    counter.cost = 0.0
    turns = [counter.read_if_affordable() is not None for _ in range(6)]

    assert turns == [False] * 3 + [True] * 3


def test_a_reading_that_must_be_made() -> None:
    """The second half of a pair is read whatever it costs."""
    counter = Costly(1000 * AFFORDABLE_SECONDS)
    counter.read_if_affordable()

    assert counter.read_if_affordable() is None
    assert counter.read() > 0
