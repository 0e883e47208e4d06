from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from memguard.explain import access, naming
from tests.unit.explain.shop import NAME, planted


@pytest.fixture
def shop() -> Iterator[Any]:
    """An application's module."""
    with planted() as module:
        yield module


def test_classes_by_name(shop: Any) -> None:
    """Built-in ones by their bare name; what is no class, or not there, is none."""
    assert naming.class_of("dict") is dict
    assert naming.class_of("collections.OrderedDict") is OrderedDict
    assert naming.class_of(f"{NAME}.Context") is shop.Context
    assert naming.class_of(f"{NAME}.requests") is None
    assert naming.class_of(f"{NAME}.nothing") is None
    assert naming.class_of("") is None


def test_containers_by_their_path(shop: Any) -> None:
    """As a finding writes it: what stands for an entry at its end is left out."""
    shop.registry = shop.Registry()
    shop.slots = shop.Slots([1])

    assert naming.found(f"{NAME}.requests") is shop.requests
    assert naming.found(f"{NAME}.requests[…]") is shop.requests
    assert naming.found(f"{NAME}.registry.by_name[str].x") is shop.registry.by_name
    assert naming.found(f"{NAME}.Registry.cache") is shop.Registry.cache
    assert naming.found(f"{NAME}.slots.inner") is shop.slots.inner
    for path in (
        "",
        "nothing",
        f"{NAME}.nothing",
        f"{NAME}.requests.nothing",
        f"{NAME}.slots.nothing",
        f"{NAME}.Hostile.x",
    ):
        assert naming.found(path) is access.MISSING


def test_no_code_of_the_hosts_runs(shop: Any) -> None:
    """Attributes are read as they are stored."""
    shop.hostile = shop.Hostile.__new__(shop.Hostile)

    assert naming.found(f"{NAME}.hostile") is shop.hostile
    assert naming.found(f"{NAME}.hostile.anything") is access.MISSING


def test_namespaces_are_those_of_modules(shop: Any) -> None:
    """Of all that are loaded."""
    assert id(vars(shop)) in naming.namespaces()
    assert id(shop.requests) not in naming.namespaces()
