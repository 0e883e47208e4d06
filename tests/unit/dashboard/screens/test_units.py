from dataclasses import replace

from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import body, in_order, shown
from tests.unit.telling import NOW, judged, stats, told, unit, worker


def traced(*units: object) -> Teller:
    """Return a guard whose worker is in trace mode and has recorded these."""
    flush = told(operations=(stats(judged("GET /a")), stats(judged("GET /b"))), units=tuple(units))
    return Teller(replace(flush, worker=worker(mode="trace")))


def test_each_unit_is_a_row_the_newest_first() -> None:
    """With what it took, and when."""
    guard = traced(
        replace(unit(NOW - 60, "GET /a", rss=-4096, objects=None), overlapped=False),
        unit(NOW - 30, "GET /b", traced=-5000),
    )

    in_order(
        shown(guard, "/units").text,
        "30 s ago", "GET /b", "overlapped", "worker 4711 on here", "-5.00 kB", "+9.00 kB", "+3", "+5", "250 ms",
        "60 s ago", "GET /a", "+4.10 kB", "+9.00 kB", "\N{EN DASH}", "+5", "-4.10 kB", "250 ms",
    )  # fmt: skip


def test_overlap_is_said_before_the_figures() -> None:
    """Whoever reads them must know whose they are."""
    apart, together = replace(unit(), overlapped=False), unit()

    assert "1 of these 2 overlapped another unit" in shown(traced(apart, together), "/units").text
    assert "none of them overlapped another" in shown(traced(apart, apart), "/units").text


def test_why_some_have_no_objects_is_said() -> None:
    """An empty column is no zero."""
    counted, not_counted = unit(), replace(unit(), objects=None)

    assert "Objects are counted for some units only" in shown(traced(counted, not_counted), "/units").text
    assert "some units only" not in shown(traced(counted), "/units").text


def test_it_is_narrowed_to_one_operation() -> None:
    """The one that is asked for is chosen in the list, whatever it is."""
    guard = traced(unit(NOW, "GET /a"), unit(NOW, "GET /b"))
    page = body(guard, "/units", "operation=GET+%2Fa")

    assert '<option value="GET /a" selected>' in page
    assert page.count("worker 4711 on here") == 1
    assert '<option value="&lt;b&gt;" selected>' in body(guard, "/units", "operation=%3Cb%3E")
    assert "No unit of “<b>” is recorded." in shown(guard, "/units", "operation=%3Cb%3E").text


def test_where_none_are_recorded_it_says_why() -> None:
    """In watch mode there are none; in trace mode none has ended yet."""
    assert "No units are recorded in watch mode." in shown(Teller(told()), "/units").text
    assert "No unit has been recorded yet." in shown(traced(), "/units").text


def test_a_delta_is_drawn_from_the_middle() -> None:
    """To the right what grew, to the left what shrank."""
    page = body(traced(unit(NOW, traced=2000), unit(NOW, traced=-500), unit(NOW, traced=0)), "/units")

    assert '<rect x="40.0" width="40.0" y="1" height="8" class="grown">' in page
    assert '<rect x="20.0" width="20.0" y="1" height="8" class="shrunk">' in page
    assert page.count("<rect") == 2


def test_more_units_are_there_for_who_asks() -> None:
    """A hundred at first, because most look for the newest."""
    guard = traced(*(unit(NOW - second) for second in range(150)))

    assert body(guard, "/units").count("worker 4711 on here") == 100
    assert "/_memguard/units?show=all" in shown(guard, "/units").values("a", "href")
    assert body(guard, "/units", "show=all").count("worker 4711 on here") == 150
