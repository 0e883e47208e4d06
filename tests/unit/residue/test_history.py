import random

import pytest

from memguard.model import Operation
from memguard.residue.history import DETAILS_KEPT, SEGMENTS_MOST, SITE, TYPE, WINDOWS_A_SEGMENT, History, Segment
from memguard.residue.regression import Rate, Regression

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")


def grown(windows: int, rate: float = 2.0, history: History | None = None) -> History:
    """Return a history that has seen so many more windows over units that leave objects at that rate."""
    history = history or History()
    for number in range(windows):
        units = float(1 + number % 4)
        history.current().add({SHOW: units}, {"objects": rate * units})
    return history


@pytest.mark.parametrize("windows", [0, 1, WINDOWS_A_SEGMENT, WINDOWS_A_SEGMENT * SEGMENTS_MOST + 1, 5000])
def test_every_window_counts_once(windows: int) -> None:
    """However long a history is, its whole is all windows, and its halves make up the whole."""
    history = grown(windows)

    assert history.whole.main.windows == windows
    assert history.whole.windows.get(SHOW, 0) == windows
    assert history.early.main.windows + history.recent.main.windows == windows


def test_its_size_is_bounded() -> None:
    """Any number of windows is kept in so many segments, and the later half stays the later half."""
    history = History()
    for windows in range(1, 5000):
        history.current().add({SHOW: 1.0}, {"objects": 1.0})
        assert len(history._segments) <= SEGMENTS_MOST
        if windows > 2 * WINDOWS_A_SEGMENT:
            assert windows / 4 <= history.recent.main.windows <= windows * 3 / 4


def test_rates_survive_merging() -> None:
    """The rate over all windows is what one regression over all of them says, however often segments were merged."""
    chance = random.Random(2)
    history, plain = History(), Regression()
    for _ in range(3000):
        mix = {each: float(chance.randint(1, 5)) for each in chance.sample((SHOW, SAVE), chance.randint(1, 2))}
        signals = {"objects": 2 * mix.get(SHOW, 0.0) + 0.5 * mix.get(SAVE, 0.0) + chance.gauss(0, 2)}
        history.current().add(mix, signals)
        plain.add(mix, signals)

    for operation in (SHOW, SAVE):
        found, expected = history.whole.rate(operation, "objects"), plain.rate(operation, "objects")
        assert found.value == pytest.approx(expected.value, rel=1e-6)
        assert found.error == pytest.approx(expected.error, rel=1e-6)


def test_what_was_and_what_is() -> None:
    """The halves tell growth that has ended, or begun, from growth that goes on."""
    ended = grown(200, 0.0, grown(200, 3.0))
    begun = grown(200, 3.0, grown(200, 0.0))

    assert (round(ended.early.rate(SHOW, "objects").value), round(ended.recent.rate(SHOW, "objects").value)) == (3, 0)
    assert (round(begun.early.rate(SHOW, "objects").value), round(begun.recent.rate(SHOW, "objects").value)) == (0, 3)


def test_a_question_between_windows_changes_nothing() -> None:
    """What was asked before a window is answered anew after it."""
    history = grown(50)
    before = history.whole.rate(SHOW, "objects").value
    history = grown(50, 4.0, history)

    assert [before, history.whole.rate(SHOW, "objects").value] == pytest.approx([2, 3])
    assert history.whole.main.windows == 100


def test_an_empty_history() -> None:
    """Nothing has happened, and nothing is claimed."""
    history = History()

    assert history.whole.rate(SHOW, "objects") == Rate(0.0, 0.0)
    assert history.early.net_rate(SHOW) is None
    assert history.recent.details(SHOW, TYPE) == []


def test_net_growth_is_in_blocks_where_they_were_read() -> None:
    """Blocks say how much grew; where they were never read, traced bytes do; where neither was, nothing is known."""
    nothing, blocks, traced, both = (Segment() for _ in range(4))
    for _ in range(20):
        for segment in (nothing, blocks, traced, both):
            segment.add({SHOW: 1.0}, {})
        for segment in (blocks, both):
            segment.blocks.add({SHOW: 1.0}, {"steady": 3.0})
        for segment in (traced, both):
            segment.traced.add({SHOW: 1.0}, {"steady": 5.0})

    rates = [segment.net_rate(SHOW) for segment in (nothing, blocks, traced, both)]
    assert [rate and round(rate.value, 3) for rate in rates] == [None, 3.0, 5.0, 3.0]


def test_net_growth_survives_merging() -> None:
    """It is part of a segment's sums, though not every window reads it."""
    first, second = Segment(), Segment()
    for segment, blocks in ((first, 2.0), (second, 4.0)):
        for number in range(20):
            segment.add({SHOW: 1.0}, {"objects": 1.0})
            if number % 2:
                segment.blocks.add({SHOW: 1.0}, {"steady": blocks})
            if number % 4 == 0:
                segment.traced.add({SHOW: 1.0}, {"steady": 10 * blocks})
    merged = first.merged(second)

    assert merged.blocks.rate(SHOW, "steady").value == pytest.approx(3.0, abs=1e-3)
    assert merged.traced.rate(SHOW, "steady").value == pytest.approx(30.0, abs=1e-3)
    assert (merged.main.windows, merged.blocks.windows, merged.traced.windows) == (40, 20, 10)
    assert merged.windows == {SHOW: 40}


def test_details_of_an_operation() -> None:
    """Types and sites that stand out in an operation's residue, most first; not those of others, not noise."""
    chance = random.Random(4)
    segment = Segment()
    for _ in range(100):
        mix = {each: float(chance.randint(1, 5)) for each in chance.sample((SHOW, SAVE), chance.randint(1, 2))}
        show, save = mix.get(SHOW, 0.0), mix.get(SAVE, 0.0)
        segment.add(
            mix,
            {
                "objects": 3 * show + save,
                f"{TYPE}Context": 2 * show,
                f"{TYPE}list": 1 * show,
                f"{TYPE}Order": 1 * save,
                f"{TYPE}noise": float(chance.choice((0, 0, 0, 0, 9))),
                f"{SITE}views.py:7": 3 * show,
            },
        )

    assert [(name, round(rate.value, 3)) for name, rate in segment.details(SHOW, TYPE)] == [("Context", 2), ("list", 1)]
    assert [name for name, _ in segment.details(SAVE, TYPE)] == ["Order"]
    assert [name for name, _ in segment.details(SHOW, SITE)] == ["views.py:7"]


def test_details_are_bounded() -> None:
    """However many types there are, the most frequent are kept, and what is no detail always."""
    segment = Segment()
    for number in range(DETAILS_KEPT * 5):
        signals = {"objects": 1.0, "bytes": 0.001, f"{TYPE}often": 5.0, f"{TYPE}rare{number}": 1.0}
        segment.add({SHOW: 1.0}, signals)
        assert len(segment.main.signals) <= DETAILS_KEPT

    windows = segment.main.windows
    assert segment.main.weight("bytes") == pytest.approx(windows * 0.001**2), "it was never dropped"
    assert segment.main.weight(f"{TYPE}often") == pytest.approx(windows * 5.0**2)
    assert segment.details(SHOW, TYPE)[0][0] == "often"
