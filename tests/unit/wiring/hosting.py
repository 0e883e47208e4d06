"""What properties of exactness share: what is drawn, how many examples, and a host with a guard of its own."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from memguard.instruments import census
from memguard.wiring import keeper
from tests.unit.wiring.driving import hurry, make_guard
from tests.unit.wiring.schedules import KINDS, Host, Plan, Planted
from tests.unit.wiring.witness import Witness, witnessing

MORE = int(os.environ.get("EXACTNESS_TIMES", "1"))
"""How many times as many examples as in every run of the suite."""
PLANS = st.builds(
    Plan,
    stays=st.integers(0, 3),
    every=st.integers(1, 4),
    temporary=st.integers(0, 2),
    cycles=st.integers(0, 2),
    cached=st.integers(0, 5),
)
UNCERTAIN = (Phase.explicit, Phase.generate)
"""How threads switch is not the schedule's, so an example that fails cannot be made smaller."""
MENU = st.lists(PLANS, min_size=1, max_size=len(KINDS))
SEEDS = st.integers(0, 1_000_000)


def schedules(places: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Return schedules of steps over so many places, long enough for some windows."""
    step = st.tuples(st.integers(0, places - 1), st.integers(0, len(KINDS) - 1))
    return st.lists(step, min_size=20, max_size=150)


def examples(count: int, *, phases: Sequence[Phase] = tuple(Phase)) -> settings:
    """Let a property run so many examples, the same in every run."""
    return settings(max_examples=count * MORE, deadline=None, derandomize=True, database=None, phases=phases)


@contextmanager
def hosting(plans: Sequence[Plan], *, kinds: Sequence[type[Planted]] = KINDS) -> Iterator[tuple[Host, Witness]]:
    """Yield a host that is watched by a guard of its own, and who sees its windows."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        patch.setattr(keeper, "SECONDS_BETWEEN_LOOKS", 3600.0)
        patch.setattr(census, "TYPES_KEPT", 1000)
        guard = make_guard(Path(folder))
        try:
            host = Host(guard, plans, kinds=kinds)
            with witnessing(host) as witness:
                yield host, witness
        finally:
            guard.close()


def quiet(number: int) -> None:
    """Do nothing between the steps."""
