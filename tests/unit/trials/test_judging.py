from memguard.trials.judging import (
    Allocated,
    Lasting,
    allocated,
    closer,
    in_each,
    is_exceeded,
    least,
    residue,
    share_of,
    without,
)  # fmt: skip
from memguard.trials.limits import Limits
from memguard.trials.reading import Traced


def added(**grown: int) -> Lasting:
    """Return what one round has added: objects of types by name."""
    return Lasting(blocks=0, native=0, traced=0, types=grown)


def traced(*, small: int = 0, small_bytes: int = 0, large: int = 0, line: int = 0) -> Traced:
    """Return what tracemalloc knows at a moment."""
    return Traced(small, small_bytes, large, {("shop.py", 7): line}, native_is_known=True)


def test_what_lasts_is_what_each_round_has_added_at_least() -> None:
    """A type that one round did not add to is gone."""
    lasting = least(least(least(None, added(Order=20, dict=300)), added(Order=21)), added(Order=22, dict=1))

    assert lasting.types == {"Order": 20}
    assert lasting.objects == 20


def test_residue_is_what_at_least_every_second_run_has_left() -> None:
    """Nine in twenty runs are no residue, ten are."""
    lasting = Lasting(blocks=9, native=319, traced=0, types={"A": 9, "B": 10}, containers={1: 9, 2: 10})

    assert residue(lasting, 20) == Lasting(blocks=0, native=0, traced=0, types={"B": 10}, containers={2: 10})
    assert is_exceeded(lasting, Limits())
    assert not is_exceeded(added(A=9), Limits())
    assert is_exceeded(Lasting(blocks=10, native=0, traced=0), Limits())


def test_with_a_limit_on_objects_few_runs_count() -> None:
    """What one run in a hundred leaves is residue, where the limit is lower than that."""
    lasting = Lasting(blocks=0, native=0, traced=0, types={"A": 10, "B": 9}, containers={1: 10})
    limits = Limits(max_objects=0.01, repeat=1_000)

    assert is_exceeded(lasting, limits)
    assert residue(lasting, 1_000, share_of(limits)) == lasting
    assert residue(lasting, 1_000, share_of(Limits())).types == {}


def test_with_a_limit_on_bytes_no_line_is_a_trifle() -> None:
    """Five bytes a run are little, but more than was allowed."""
    before, after = traced(), traced(small=5, small_bytes=100, line=100)
    lasting = Lasting(blocks=5, native=0, traced=100)

    assert allocated(before, after, lasting, Limits(max_growth=2.0)).lines == {("shop.py", 7): 100}
    assert allocated(before, after, lasting, Limits()).lines == {}


def test_with_a_limit_only_that_is_judged() -> None:
    """Per run, on average."""
    lasting = Lasting(blocks=500, native=0, traced=20_000, types={"A": 20, "B": 20})

    assert not is_exceeded(lasting, Limits(max_objects=2.0))
    assert is_exceeded(lasting, Limits(max_objects=1.9))
    assert not is_exceeded(lasting, Limits(max_growth=1000.0))
    assert is_exceeded(lasting, Limits(max_growth=999.0))


def test_what_grows_by_itself_is_taken_away() -> None:
    """A type of which half as many come while nothing is run; blocks and bytes by their number."""
    lasting = Lasting(blocks=50, native=50, traced=50, types={"A": 20, "B": 20}, containers={1: 20, 2: 20})
    idle = Lasting(blocks=20, native=-5, traced=1, types={"A": 10, "B": 9}, containers={1: 15})

    assert without(lasting, idle) == Lasting(blocks=30, native=50, traced=49, types={"B": 20}, containers={2: 20})


def test_what_is_replaced_is_not_believed_to_grow() -> None:
    """Tracemalloc sees new entries of a full cache, and not the old ones that went; the allocators' net says so."""
    before, after = traced(), traced(small=20, small_bytes=2_000, large=30_000, line=32_000)

    replaced = allocated(before, after, Lasting(blocks=2, native=1_000, traced=0), Limits())
    assert (replaced.bytes, replaced.lines) == (0, {})
    grown = allocated(before, after, Lasting(blocks=20, native=30_500, traced=0), Limits())
    assert (grown.bytes, grown.lines) == (32_000, {("shop.py", 7): 32_000})
    small = allocated(before, after, Lasting(blocks=20, native=1_000, traced=0), Limits())
    assert small.bytes == 2_000


def test_smaller_ones_replaced_by_as_many_larger_ones_are_no_growth() -> None:
    """Their number decides, which both the tracer and the allocator know."""
    before, after = traced(small=20, small_bytes=1_000), traced(small=20, small_bytes=3_000, line=2_000)

    assert allocated(before, after, Lasting(blocks=0, native=0, traced=0), Limits()).bytes == 0


def test_a_table_that_is_made_anew_once_is_no_growth() -> None:
    """What was allocated counts by the round that has added least, line by line."""
    remade = Allocated(9_240, {("shop.py", 7): 9_240, ("shop.py", 9): 50})
    after = Allocated(100, {("shop.py", 9): 100})

    assert in_each([remade, after]) == Allocated(100, {("shop.py", 9): 50})
    assert in_each([remade]) == remade


def test_a_close_look_accuses_no_type_that_did_not_last() -> None:
    """Where each round was read; with limits in bytes the close look is the first to see types."""
    seen = Lasting(blocks=0, native=0, traced=0, types={"A": 30, "B": 30}, containers={1: 5})

    assert closer(added(A=20), seen).types == {"A": 20}
    assert closer(added(), seen).types == {"A": 30, "B": 30}
    assert closer(added(A=20), seen).containers == {1: 5}
