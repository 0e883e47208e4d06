import pytest

from memguard.trials.limits import LimitError, Limits, load


def test_limits_are_read_as_people_write_them() -> None:
    """Sizes with units, numbers as text, as they come from a marker or from a configuration file."""
    assert load({}) == Limits()
    assert load(
        {"max_growth": "1KB", "max_peak": 5_000_000, "max_objects": "0.5", "repeat": "50", "warmup": 0}
    ) == Limits(max_growth=1000.0, max_peak=5e6, max_objects=0.5, repeat=50, warmup=0)
    assert load({"max_growth": 0, "max_objects": None, "max_peak": ""}) == Limits(max_growth=0.0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"max_size": 1}, "^unknown limit 'max_size'; known: max_growth, max_peak, max_objects, repeat, warmup$"),
        ({"max_growth": "many"}, "^max_growth='many': expected 0, a number of bytes, or a text like \"512MB\""),
        ({"max_growth": False}, "^max_growth=False: expected 0"),
        ({"max_objects": -1}, "^max_objects=-1: expected a number of objects, 0 or more"),
        ({"max_objects": float("nan")}, "^max_objects=nan: "),
        ({"max_objects": "few"}, "^max_objects='few': "),
        ({"repeat": 0}, "^repeat=0: expected a whole number from 1 to 1000000$"),
        ({"repeat": "1.5"}, "^repeat='1.5': "),
        ({"warmup": True}, "^warmup=True: expected a whole number from 0"),
    ],
)
def test_a_wrong_limit_is_named_with_what_is_allowed(given: dict[str, object], complaint: str) -> None:
    """Its name, its value and the forms."""
    with pytest.raises(LimitError, match=complaint):
        load(given)


def test_what_is_judged_follows_from_what_is_named() -> None:
    """Nothing named: residue. The peak alone: the peak alone. Bytes need tracing."""
    assert Limits().is_for_residue
    assert not Limits(max_peak=1.0).is_for_residue
    assert Limits(max_peak=1.0).is_for_peak_alone
    assert not Limits(max_peak=1.0, max_objects=1.0).is_for_peak_alone
    assert [Limits(max_growth=1.0).is_in_bytes, Limits(max_peak=1.0).is_in_bytes, Limits().is_in_bytes] == [
        True,
        True,
        False,
    ]
