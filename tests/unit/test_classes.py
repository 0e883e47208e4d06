"""Names of classes."""

from memguard.classes import module_of, type_name
from tests.unit.instruments.planting import Planted


def test_a_class_without_a_module() -> None:
    """Whatever stands as the module of a class, its name can be told."""
    odd = type("Odd", (), {"__module__": 5})

    assert type_name(odd) == "Odd"
    assert module_of(odd) == ""
    assert type_name(dict) == "dict"
    assert type_name(Planted) == f"{Planted.__module__}.Planted"
