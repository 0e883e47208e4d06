from dataclasses import replace
from math import inf

import pytest

from memguard.model import Operation
from memguard.residue.criteria import (
    LASTING_SECONDS,
    LASTING_UNITS,
    LOOKS_LEAST,
    NATIVE_LEAST,
    SEARCHES_LEAST,
    STOPPED_LEAST,
    UNITS_LEAST,
    WINDOWS_LEAST,
)
from memguard.residue.evidence import Alone, Evidence, Held, Lasting, Phase, Trend
from memguard.residue.regression import Rate
from memguard.residue.verdict import judge

SHOW = Operation("request", "GET /show")
NOTHING = Rate(0.0, 0.1)
ONE = Rate(1.0, 0.01)
UNKNOWN = Rate(0.0, inf)
STEADY = Trend(50, ONE, ONE, ONE)
QUIET = Alone(Phase(NOTHING, NOTHING), Phase(NOTHING, NOTHING), Phase(NOTHING, NOTHING))
GROWING = Phase(ONE, Rate(3.0, 0.1))

CLEAN = Evidence(
    operation=SHOW,
    units=LASTING_UNITS,
    seconds=LASTING_SECONDS,
    windows=WINDOWS_LEAST,
    sampled_units=UNITS_LEAST,
    early=NOTHING,
    recent=NOTHING,
    alone=QUIET,
)
LEAVES = replace(CLEAN, early=ONE, recent=ONE)
"""Units leave something behind; whether it stays is the question."""
LASTS = replace(LEAVES, lasting=Lasting(LOOKS_LEAST, 1.0, 1.0, "shop.Context", STEADY, is_sure=True, is_held=True))
GROWER = Held("shop.cache[…]", LASTING_UNITS, None, STEADY)
HELD = replace(LEAVES, held=GROWER)


def verdict(evidence: Evidence, **changed: object) -> str:
    """Return the verdict on evidence that is changed so."""
    return judge(replace(evidence, **changed)).verdict  # type: ignore[arg-type]  # names are the tests' own


def test_an_operation_that_leaves_nothing_is_clean() -> None:
    """From the first moment that there is enough to tell."""
    assert verdict(CLEAN) == "clean"
    assert verdict(CLEAN, units=UNITS_LEAST, seconds=0.0) == "clean"


@pytest.mark.parametrize("changed", [{"windows": WINDOWS_LEAST - 1}, {"sampled_units": UNITS_LEAST - 1}])
def test_too_few_windows(changed: dict[str, int]) -> None:
    """Nothing is said of an operation that was hardly seen."""
    assert verdict(LASTS, **changed) == "warming"


def test_what_lasts_is_a_leak() -> None:
    """The reason names the type, the rate and the units."""
    judged = judge(LASTS)

    assert judged.verdict == "leak"
    assert judged.objects_per_unit == 1.0
    assert f"about 1 shop.Context for each unit were still alive {LASTING_UNITS} units later" in judged.reasons[1]


def test_what_may_be_garbage_is_only_suspected() -> None:
    """Until somebody was seen to hold it, or a full collection left it alive."""
    judged = judge(replace(LASTS, lasting=replace(LASTS.lasting, is_held=False)))

    assert judged.verdict == "suspect"
    assert "not garbage, is being found out" in judged.reasons[1]


@pytest.mark.parametrize(
    "lasting",
    [
        replace(LASTS.lasting, windows=LOOKS_LEAST - 1),
        replace(LASTS.lasting, is_sure=False),
        replace(LASTS.lasting, type=""),
        replace(LASTS.lasting, trend=replace(STEADY, whole=Rate(1.0, 0.4))),
        replace(LASTS.lasting, trend=replace(STEADY, recent=NOTHING)),
        replace(LASTS.lasting, trend=replace(STEADY, early=NOTHING)),
    ],
    ids=["few looks", "may be a warm-up", "no type", "whose is not certain", "no more", "only lately"],
)
def test_what_does_not_certainly_last_is_no_leak(lasting: Lasting) -> None:
    """Each condition is needed."""
    assert verdict(LASTS, lasting=lasting) != "leak"


@pytest.mark.parametrize("evidence", [LASTS, HELD], ids=["lasts", "held"])
@pytest.mark.parametrize("changed", [{"units": LASTING_UNITS - 1}, {"seconds": LASTING_SECONDS - 0.1}])
def test_nothing_is_accused_early(evidence: Evidence, changed: dict[str, float]) -> None:
    """Neither by few units nor within seconds: a short-lived cache looks the same until then."""
    assert verdict(evidence, **changed) == "warming"


def test_a_container_that_grows_with_it_is_a_leak() -> None:
    """Whatever its entries are; they need not be GC-tracked, so no survivors need to be seen."""
    judged = judge(replace(HELD, early=NOTHING, recent=NOTHING))

    assert judged.verdict == "leak"
    assert "shop.cache[…] gains about 1 entries for each unit" in judged.reasons[1]


@pytest.mark.parametrize(
    "held",
    [
        Held("shop.cache[…]", LASTING_UNITS - 1, None, STEADY),
        Held("shop.cache[…]", LASTING_UNITS, LASTING_UNITS, STEADY),
        Held("shop.cache[…]", LASTING_UNITS, None, replace(STEADY, windows=LOOKS_LEAST - 1)),
        Held("shop.cache[…]", LASTING_UNITS, None, replace(STEADY, whole=Rate(1.0, 0.3))),
        Held("shop.cache[…]", LASTING_UNITS, None, replace(STEADY, recent=NOTHING)),
        Held("shop.cache[…]", LASTING_UNITS, None, replace(STEADY, early=NOTHING)),
    ],
    ids=["small", "bounded", "few windows", "uncertain", "no more", "only lately"],
)
def test_a_container_that_may_be_a_cache_is_no_leak(held: Held) -> None:
    """It must hold the residue of many units, unbounded, and grow all the time."""
    assert verdict(HELD, held=held) != "leak"


def test_a_bounded_container_over_its_bound_is_a_leak() -> None:
    """What it says of itself is not true then."""
    assert verdict(HELD, held=Held("shop.cache[…]", LASTING_UNITS, LASTING_UNITS - 1, STEADY)) == "leak"


def test_a_rare_leak_is_held_to_its_rate() -> None:
    """One in a hundred: two entries are those of two hundred units."""
    rare = Trend(500, Rate(0.01, 0.001), Rate(0.01, 0.002), Rate(0.01, 0.002))

    assert verdict(HELD, held=Held("shop.cache[…]", 20, None, rare)) == "leak"


def test_garbage_that_nobody_collects_is_a_leak() -> None:
    """The instruments count it only where the host's collector is off."""
    judged = judge(replace(CLEAN, garbage=Trend(50, *[Rate(6.0, 0.1)] * 3)))

    assert judged.verdict == "leak"
    assert "switched its collector off" in judged.reasons[1]


def test_threads_that_stay_are_a_leak() -> None:
    """Named by what they are."""
    judged = judge(replace(CLEAN, resources=(("file descriptors", Trend()), ("threads", STEADY))))

    assert judged.verdict == "leak"
    assert "1 threads open or running" in judged.reasons[1]


def test_native_memory_is_a_leak() -> None:
    """If it is large and no Python objects grow."""
    large = Trend(50, *[Rate(NATIVE_LEAST, 1.0)] * 3)
    small = Trend(50, *[Rate(NATIVE_LEAST - 1, 1.0)] * 3)

    searched = replace(CLEAN, searched=SEARCHES_LEAST)
    assert verdict(searched, native=large) == "leak"
    assert verdict(searched, native=small) == "clean"
    assert verdict(CLEAN, native=large) == "clean"
    assert verdict(searched, native=large, held=replace(GROWER, size=3)) != "leak"
    assert verdict(searched, native=large, alone=replace(QUIET, recent=GROWING)) != "leak"


def test_growth_alone_makes_a_suspect() -> None:
    """Of the process's memory, early and lately, with no container and nothing that lasts."""
    growing = Alone(GROWING, GROWING, GROWING)

    assert verdict(LEAVES, alone=growing, searched=SEARCHES_LEAST) == "suspect"
    assert verdict(LEAVES, alone=replace(growing, early=QUIET.early), searched=SEARCHES_LEAST) != "suspect"


def test_what_goes_later_is_clean() -> None:
    """A full cache: its entries were looked at again and had gone."""
    gone = Lasting(LOOKS_LEAST, 1.0, 0.0)

    assert verdict(LEAVES, lasting=gone, alone=replace(QUIET, recent=replace(GROWING, net=None))) == "clean"
    assert verdict(LEAVES, lasting=gone, previous="leak") == "plateau"


def test_memory_that_does_not_grow_is_clean() -> None:
    """New objects replace old ones."""
    assert verdict(LEAVES) == "clean"
    assert verdict(LEAVES, previous="plateau") == "plateau"


def test_what_cannot_be_told_is_a_suspect_until_containers_were_searched() -> None:
    """Net growth is not known; after some searches without a container that grows it is clean."""
    unknown = Alone(*[Phase(ONE, None)] * 3)

    assert verdict(LEAVES, alone=unknown) == "suspect"
    assert verdict(LEAVES, alone=unknown, searched=SEARCHES_LEAST) == "clean"
    assert verdict(LEAVES, alone=unknown, searched=SEARCHES_LEAST, previous="leak") == "plateau"


def test_a_leak_that_ends_becomes_a_plateau() -> None:
    """It was mended, or has filled up."""
    assert verdict(CLEAN, previous="leak") == "plateau"


def test_what_only_ever_came_together_with_others_cannot_be_told() -> None:
    """The rate has no finite error."""
    assert verdict(CLEAN, recent=UNKNOWN) == "warming"


def test_a_warm_up_is_said_to_be_one() -> None:
    """Early residue and none lately."""
    judged = judge(replace(CLEAN, early=ONE))

    assert (judged.verdict, judged.reasons) == ("clean", ("left objects behind only while it warmed up",))


STOPPED = Trend(STOPPED_LEAST, Rate(0.3, 0.01), ONE, NOTHING)


@pytest.mark.parametrize(
    "container",
    [Held("shop.cache[…]", 1500, None, STOPPED), Held("shop.cache[…]", 900, 1000, STEADY)],
    ids=["full", "within its bound"],
)
def test_what_a_full_cache_holds_is_no_leak(container: Held) -> None:
    """Its entries live long, but it grows no more, or says that it will not."""
    lasting = replace(LASTS.lasting, container=container)

    assert verdict(LASTS, lasting=lasting) == "clean"
    assert verdict(LASTS, lasting=lasting, previous="leak") == "plateau"


def test_a_container_that_grows_on_holds_a_leak() -> None:
    """And one that was not looked at often enough is not said to have stopped."""
    briefly = replace(STOPPED, windows=STOPPED_LEAST - 1)

    assert verdict(LASTS, lasting=replace(LASTS.lasting, container=GROWER)) == "leak"
    assert verdict(LASTS, lasting=replace(LASTS.lasting, container=Held("shop.cache[…]", 9, None, briefly))) == "leak"
