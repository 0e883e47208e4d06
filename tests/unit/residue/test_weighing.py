import pytest

from memguard.evidence import Site, TypeCount
from memguard.model import Operation
from memguard.readings import Survivors, WindowReading
from memguard.residue.history import Segment
from memguard.residue.weighing import (
    BLOCKS_A_VOICE,
    BYTES_A_BLOCK,
    EDGE_WEIGHT,
    add_window,
    signals_of,
    trust_in,
    weights,
    with_later,
)

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
Counts = dict[Operation, int]


def window(
    units: Counts | None = None,
    edges: Counts | None = None,
    later: Counts | None = None,
    survivors: Survivors | None = None,
    **more: object,
) -> WindowReading:
    """Return the reading of a window over these units."""
    inside, outside, after = (tuple((each or {}).items()) for each in (units, edges, later))
    return WindowReading(0.0, inside, outside, after, survivors, **more)  # type: ignore[arg-type]  # names are the tests' own


def segment_of(reading: WindowReading, times: int = 20) -> Segment:
    """Return a segment that has seen the same window again and again."""
    segment = Segment()
    inside = weights(reading)
    for _ in range(times):
        add_window(
            segment,
            reading,
            signals_of(reading),
            trust_in(reading),
            inside=inside,
            ended=with_later(inside, reading),
        )
    return segment


def test_units_at_an_edge_count_as_half() -> None:
    """Also beside units of the same operation that were inside."""
    assert weights(window({SHOW: 3}, {SHOW: 2, SAVE: 1})) == {SHOW: 3 + 2 * EDGE_WEIGHT, SAVE: EDGE_WEIGHT}


def test_later_units_count_for_net_growth_only() -> None:
    """They are no part of what the window saw, so what was asked for that stays as it was."""
    reading = window({SHOW: 3}, later={SHOW: 1, SAVE: 2})
    inside = weights(reading)

    assert with_later(inside, reading) == {SHOW: 4.0, SAVE: 2.0}
    assert inside == {SHOW: 3.0}


@pytest.mark.parametrize(
    ("units", "edges", "trust"),
    [
        ({SHOW: 3}, {}, 1.0),
        ({SHOW: 3}, {SAVE: 1}, 0.75),
        ({}, {SAVE: 9}, 0.05),
        ({SHOW: 1}, {SAVE: 99}, 0.05),
        ({}, {}, 1.0),
    ],
)
def test_trust(units: Counts, edges: Counts, trust: float) -> None:
    """A window is believed by the share of its units that were wholly inside, and a little in any case."""
    assert trust_in(window(units, edges)) == trust


def test_signals_of_what_survived() -> None:
    """Each type and site has a signal of its own; sites of one line add up; garbage is what nobody would free."""
    types = (TypeCount("shop.Context", 3), TypeCount("dict", 2))
    sites = (Site("a.py", 7, "", "", 3, 1), Site("a.py", 7, "", "", 2, 1), Site("b.py", 7, "", "", 1, 1))
    survivors = Survivors(objects=5, bytes=400, garbage=9, left_garbage=6, types=types)

    assert signals_of(window({SHOW: 1}, survivors=survivors, sites=sites)) == {
        "objects": 5, "bytes": 400, "garbage": 6, "type:shop.Context": 3, "type:dict": 2, "site:a.py:7": 5,
        "site:b.py:7": 1,
    }  # fmt: skip


def test_a_window_that_sees_no_survivors() -> None:
    """It says nothing of them, rather than that there were none."""
    assert signals_of(window({SHOW: 1}, sites=(Site("a.py", 7, "", "", 3, 1),))) == {}


@pytest.mark.parametrize(
    ("blocks", "steady"),
    [(3, 1.5), (1000, BLOCKS_A_VOICE), (-1000, -BLOCKS_A_VOICE)],
    ids=["as it is", "cut", "cut below"],
)
def test_net_growth_is_cut_to_one_voice(blocks: int, steady: float) -> None:
    """What moves the counters by far more than a unit's share is not that unit's; the plain figure stays beside it."""
    segment = segment_of(window({SHOW: 2}, blocks=blocks))

    assert segment.blocks.rate(SHOW, "steady").value == pytest.approx(steady, rel=1e-6)
    assert segment.blocks.rate(SHOW, "plain").value == pytest.approx(blocks / 2, rel=1e-6)


def test_a_unit_that_leaves_many_objects_has_as_many_voices() -> None:
    """Growth that the survivors explain is not cut."""
    segment = segment_of(window({SHOW: 1}, survivors=Survivors(objects=100, bytes=0, garbage=0), blocks=200))

    assert segment.blocks.rate(SHOW, "steady").value == pytest.approx(200.0, rel=1e-6)


def test_traced_bytes_are_cut_as_the_blocks_that_they_make() -> None:
    """So that both can stand for net growth."""
    segment = segment_of(window({SHOW: 1}, traced=2 * BYTES_A_BLOCK))

    assert segment.traced.rate(SHOW, "steady").value == pytest.approx(2.0, rel=1e-6)
    assert segment.traced.rate(SHOW, "plain").value == pytest.approx(2.0 * BYTES_A_BLOCK, rel=1e-6)
    assert segment.blocks.windows == 0, "what was not read is no reading of zero"


def test_net_growth_is_of_all_that_ended() -> None:
    """Survivors are those of the units inside; the counters speak of later ones as well."""
    survivors = Survivors(objects=4, bytes=0, garbage=0)
    segment = segment_of(window({SHOW: 2}, later={SHOW: 2}, survivors=survivors, blocks=8))

    assert segment.rate(SHOW, "objects").value == pytest.approx(2.0, rel=1e-6)
    assert segment.blocks.rate(SHOW, "plain").value == pytest.approx(2.0, rel=1e-6)
