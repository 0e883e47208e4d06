from dataclasses import asdict, replace
from typing import Any

import pytest

from memguard.dashboard.proof import Step, holder_facts, marks, much, site_facts, site_remarks, steps
from memguard.evidence import Holder, Link, Site
from tests.unit.telling import finding

CHAIN = (
    Link("shop.Registry", "attribute registry of module shop.views"),
    Link("dict", "attribute by_user", 40_000, grows=True),
    Link("list", "item", 1),
    Link("shop.Context", "closure variable c of module shop.views"),
)
HOLDER = Holder("shop.views.registry.by_user[…]", "module shop.views", "module", CHAIN, 41_240, 2.0)


def test_a_chain_goes_from_the_root_to_what_stays() -> None:
    """The first link's words do not repeat the root; the growing edge leads away from the container that grows.

    Its size is the holder's own, which is kept up to date.
    """
    assert list(steps(asdict(HOLDER))) == [
        Step("", "module shop.views", "", "root"),
        Step("attribute registry", "shop.Registry", "", ""),
        Step("attribute by_user", "dict", "41,240 entries", "container"),
        Step("item", "list", "1 entry", "", grows=True),
        Step("closure variable c of module shop.views", "shop.Context", "", "residue"),
    ]


def test_a_container_that_ends_the_chain_grows_and_is_not_what_stays() -> None:
    """Its entries are no objects of their own: numbers or strings."""
    assert [step.role for step in steps(asdict(replace(HOLDER, chain=CHAIN[:2])))] == ["root", "", "container"]


def test_a_container_whose_size_now_is_not_known_has_that_of_then() -> None:
    """What the search found is better than nothing."""
    assert "40,000 entries" in [step.size for step in steps(asdict(replace(HOLDER, size=None)))]


def test_a_root_that_is_not_known_is_not_called_one() -> None:
    """The chain ends where the search did."""
    unknown = asdict(replace(HOLDER, root="unknown", root_kind="unknown", chain=()))

    assert list(steps(unknown)) == [Step("", "the root is not known", "", "")]


@pytest.mark.parametrize(
    ("size", "growth", "words"),
    [
        (41_240, 2.0, "41,240 entries, +2 per run"), (1, 0.004, "1 entry, +0.004 per run"), (0, 0.0, "0 entries"),
        (None, 1.5, "+1.5 per run"), (None, 0.0, ""),
    ],
)  # fmt: skip
def test_size_and_growth_are_said_as_far_as_they_are_known(size: int | None, growth: float, words: str) -> None:
    """Nothing is made up for the rest."""
    assert holder_facts(asdict(replace(HOLDER, size=size, growth_per_unit=growth)), "task") == words


@pytest.mark.parametrize(
    ("objects", "size", "words"),
    [(2480, 812_000, "2,480 objects and 812 kB"), (1, 0, "1 object"), (0, 900, "900 B"), (0, 0, "")],
)
def test_what_a_site_allocated_is_counted(objects: int, size: int, words: str) -> None:
    """In objects and bytes, where there are any."""
    assert site_facts({"objects": objects, "bytes": size}) == words


def test_the_part_of_libraries_in_a_site_is_said() -> None:
    """Whose line it is, and whose code under it allocated."""
    site = Site("a.py", 1, "f", "", 1, 1)

    assert site_remarks(asdict(site)) == []
    assert site_remarks(asdict(replace(site, library="x 1.2", through="y 3, z.py:4"))) == [
        "Allocated in y 3, z.py:4, called from this line.",
        "This line belongs to the library x 1.2.",
    ]


@pytest.mark.parametrize(
    ("verdict", "objects", "words"),
    [
        ("leak", 2.0, "+2 objects, +200 B per request"),
        ("suspect", 1.0, "+1 object, +100 B per request"),
        ("plateau", 2.0, "it was +2 objects, +200 B per request"),
        ("plateau", 0.0, ""),
    ],
)
def test_a_rate_is_past_where_the_leak_is(verdict: str, objects: float, words: str) -> None:
    """What stopped leaves nothing now."""
    row: dict[str, Any] = {
        "verdict": verdict,
        "operation": asdict(finding().judgement.operation),
        "rate": {"objects_per_unit": objects, "bytes_per_unit": objects * 100},
    }
    assert much(row) == words


def test_new_and_back_are_said_in_words() -> None:
    """A finding is neither, one of them, or both."""
    assert marks({"new": False, "back": False}) == []
    assert marks({"new": True, "back": True}) == ["new", "back again"]
