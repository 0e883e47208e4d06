import re

import pytest

from memguard.dashboard.screens.spark import BAR_WIDTH, HEIGHT, WIDTH, Limits, meter, sparkline
from tests.unit.telling import NOW

NONE = Limits()
MB = 1_000_000


def drawn(picture: object) -> list[tuple[float, float]]:
    """Return the points of the line."""
    found = re.search('<polyline points="([^"]+)"', str(picture))
    assert found
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


def test_the_line_of_a_workers_memory_stays_in_its_box() -> None:
    """Its width is ten minutes, up to now; its range is there in words."""
    points = [(NOW + second, (50_000_000 + second * 100_000)) for second in range(600)]
    made = sparkline(points, now=NOW + 599, limits=NONE)
    line = drawn(made)

    assert 0 <= line[0][0] < 1
    assert line[-1][0] == WIDTH
    assert all(0 <= y <= HEIGHT for _, y in line)
    assert line[0][1] > line[-1][1], "up is more"
    assert len(line) < 100
    assert "RSS from 50.0 MB to 110 MB, at most 110 MB" in str(made)


@pytest.mark.parametrize("points", [[], [(NOW, 1)]], ids=["none", "one"])
def test_too_few_points_make_no_line(points: list[tuple[float, int]]) -> None:
    """The cell stays empty."""
    assert sparkline(points, now=NOW, limits=NONE) is None


def test_a_young_workers_line_is_short() -> None:
    """It does not look as if it had grown for ten minutes."""
    assert drawn(sparkline([(NOW - 60, 1), (NOW, 2)], now=NOW, limits=NONE))[0][0] == WIDTH * 0.9


def test_the_line_of_one_that_stopped_ends_before_the_edge() -> None:
    """The edge is now; nothing is known of it since."""
    assert drawn(sparkline([(NOW - 360, 1), (NOW - 300, 2)], now=NOW, limits=NONE))[-1][0] == WIDTH / 2


def test_points_of_one_moment_make_a_line_too() -> None:
    """A clock that was set back, or two flushes in one tick, divide by nothing."""
    assert drawn(sparkline([(NOW, 5), (NOW, 5)], now=NOW, limits=NONE))
    assert drawn(sparkline([(NOW, 0), (NOW + 9, 0)], now=NOW, limits=NONE))


def test_ceilings_that_are_near_are_drawn_with_the_line() -> None:
    """One that is far away would press it flat; in words all of them are there."""
    points = [(NOW - 60, 90 * MB), (NOW, 100 * MB)]
    made = str(sparkline(points, now=NOW, limits=Limits(80 * MB, 110 * MB, 500 * MB)))

    assert re.findall('class="limit ([a-z]+)"', made) == ["floor", "soft"]
    assert "floor at fork 80.0 MB, ceiling 110 MB, hard ceiling 500 MB" in made


def widths(picture: object, kind: str) -> float:
    """Return how long a part of the bar is."""
    found = re.search(rf'<rect width="([\d.]+)"[^>]* class="{kind}[^"]*"', str(picture))
    assert found
    return float(found[1])


def test_the_bar_shows_how_far_it_is_to_the_ceilings() -> None:
    """Its whole length is a little more than the highest one; the floor is a part of it."""
    made = meter(50 * MB, Limits(20 * MB, 80 * MB, 100 * MB))

    assert widths(made, "fill") == pytest.approx(BAR_WIDTH * 50 / 104, abs=0.1)
    assert widths(made, "floor") == pytest.approx(BAR_WIDTH * 20 / 104, abs=0.1)
    assert "over" not in str(made)
    assert 'class="fill over"' in str(meter(85 * MB, Limits(None, 80 * MB, 100 * MB)))


def test_without_a_ceiling_there_is_no_bar() -> None:
    """It would be full of nothing."""
    assert meter(50 * MB, Limits(20 * MB)) is None
