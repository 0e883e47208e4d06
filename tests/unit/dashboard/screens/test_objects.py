from memguard.model import WorkerId
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth, TypeSize
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import body, in_order, shown
from tests.unit.telling import ME, NOW, told

GONE = WorkerId("there", 9, NOW - 900)


def snapshot(**changed: object) -> Snapshot:
    """Return a worker's second snapshot."""
    taken: dict[str, object] = {
        "at": NOW - 30,
        "before": NOW - 90,
        "objects": 51_343,
        "types": (TypeSize("dict", 5_529, 2_280_000), TypeSize("shop.views.Context", 169, None)),
        "growth": (TypeGrowth("shop.views.Context", 80, 169), TypeGrowth("list", 7, 7), TypeGrowth("set", 9, 2)),
        "sites": (SiteSize("/srv/shop/views.py", 85, "show", 585_000, 9_270, 280_000),),
        **changed,
    }
    return Snapshot(**taken)  # type: ignore[arg-type]


def taken(*snapshots: tuple[WorkerId, Snapshot]) -> Teller:
    """Return a guard in whose store these lie; one of the workers is alive."""
    guard = Teller(told(), told(GONE, at=NOW - 600))
    for worker, each in snapshots:
        guard.store.add_snapshot(worker, each)
    return guard


def test_it_shows_what_grew_where_it_came_from_and_what_is_alive() -> None:
    """In this order; what did not change is left out, what shrank is counted."""
    in_order(
        shown(taken((ME, snapshot())), "/objects").text,
        "51,343 objects", "30 s ago", "60 s after the one before",
        "Grown since", "shop.views.Context", "+89", "80", "169", "One type has become fewer.",
        "Allocation sites", "views.py:85", "show()", "/srv/shop/views.py:85", "585 kB", "+280 kB", "9,270",
        "Alive", "dict", "5,529", "2.28 MB", "shop.views.Context", "169", "not known",
    )  # fmt: skip


def test_the_first_snapshot_says_that_a_second_one_is_needed() -> None:
    """There is no growth without two moments, and no lines without tracing."""
    text = shown(taken((ME, snapshot(before=None, growth=(), sites=()))), "/objects").text

    assert "This worker's first snapshot." in text
    assert "Nothing was traced." in text
    assert "Nothing has grown." in shown(taken((ME, snapshot(growth=()))), "/objects").text


def test_an_estimate_is_called_one() -> None:
    """Of a heap that was too large to look at all."""
    assert "the figures are an estimate" in shown(taken((ME, snapshot(is_sampled=True))), "/objects").text


def test_each_workers_snapshot_can_be_looked_at() -> None:
    """The living come first; one that is gone keeps its last."""
    guard = taken((GONE, snapshot(objects=7, at=NOW - 1)), (ME, snapshot()))
    outline = shown(guard, "/objects")
    links = [link for link in outline.values("a", "href") if "worker=" in link]

    assert "51,343 objects" in outline.text
    assert "there" in links[1]
    assert "7 objects" in shown(guard, "/objects", links[1].partition("?")[2]).text


def test_a_snapshot_of_a_dead_worker_cannot_be_taken_again() -> None:
    """The button asks all that are alive instead."""
    page = body(taken((GONE, snapshot())), "/objects")

    assert 'data-action="snapshot"' in page
    assert "data-pid" not in page
    assert 'data-pid="4711"' in body(taken((ME, snapshot())), "/objects")


def test_before_the_first_snapshot_it_says_how_to_take_one() -> None:
    """With the button beside it."""
    outline = shown(taken(), "/objects")

    assert "No snapshot has been taken yet." in outline.text
    assert "snapshot" in outline.values("button", "data-action")
