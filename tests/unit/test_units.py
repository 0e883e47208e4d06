"""Bytes and durations are read and written as documented."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.units import (
    DURATION_FORMS,
    SIZE_FORMS,
    format_bytes,
    format_change,
    format_seconds,
    parse_bytes,
    parse_seconds,
)

NO_QUANTITY = [
    "512 bananas",
    "",
    " ",
    "MB",
    "-5MB",
    "+5MB",
    "1e6",
    "1,5GB",
    "5 5MB",
    "0",
    "0MB",
    0,
    -1,
    -0.5,
    math.nan,
    math.inf,
    True,
    False,
    None,
    b"512MB",
    [512],
    "nan",
    "inf",
    "٣MB",
    "512MB\x00",
]


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        (4096, 4096),
        (1536.0, 1536),
        ("1", 1),
        ("17B", 17),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        ("  512MB  ", 512_000_000),
        ("512MiB", 512 * 2**20),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("1.5GB", 1_500_000_000),
        ("2GiB", 2 * 2**30),
        ("1TB", 10**12),
        ("1TiB", 2**40),
        ("0.5KB", 500),
    ],
)
def test_sizes(written: object, size: int) -> None:
    """A size is whole bytes; MB counts in thousands, MiB in 1024s; case and spaces do not matter."""
    parsed = parse_bytes(written)

    assert (parsed, type(parsed)) == (size, int)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(30, 30.0), (0.25, 0.25), ("30", 30.0), ("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("2H", 7200.0), ("1 d", 86400.0)],
)  # fmt: skip
def test_durations(written: object, seconds: float) -> None:
    """A duration is seconds, written with or without a unit."""
    assert parse_seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize("value", NO_QUANTITY, ids=repr)
def test_what_is_no_size(value: object) -> None:
    """What is not a positive size is refused, and the error says which forms there are."""
    with pytest.raises(ValueError, match="^expected a number of bytes") as caught:
        parse_bytes(value)

    assert SIZE_FORMS in str(caught.value)


@pytest.mark.parametrize("value", [*NO_QUANTITY, "5MB", "5 years"], ids=repr)
def test_what_is_no_duration(value: object) -> None:
    """What is not a positive duration is refused, and the error says which forms there are."""
    with pytest.raises(ValueError, match="^expected a number of seconds") as caught:
        parse_seconds(value)

    assert DURATION_FORMS in str(caught.value)


def test_a_quantity_too_large_for_a_float() -> None:
    """Four hundred digits are refused like any other nonsense, not with an error of their own."""
    with pytest.raises(ValueError, match="^expected a number of bytes"):
        parse_bytes("9" * 400)
    with pytest.raises(ValueError, match="^expected a number of bytes"):
        parse_bytes(10**400)


def test_sizes_below_one_byte() -> None:
    """A size that rounds to no byte at all is not positive."""
    with pytest.raises(ValueError, match="^expected a number of bytes"):
        parse_bytes("0.1B")


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    """No text whatever makes the parser fail in a way that is not its documented error."""
    try:
        answer: object = parse_bytes(text) > 0
    except ValueError as error:
        answer = str(error)

    assert answer in {True, f"expected {SIZE_FORMS}"}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (17, "17 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (4096, "4.10 kB"),
        (-4096, "-4.10 kB"),
        (12_345, "12.3 kB"),
        (123_456, "123 kB"),
        (999_999, "1.00 MB"),
        (1_234_567, "1.23 MB"),
        (512_000_000, "512 MB"),
        (9_999_999, "10.0 MB"),
        (1.5e9, "1.50 GB"),
        (3.2e12, "3.20 TB"),
        (0.4, "0 B"),
    ],
)
def test_bytes_for_people(count: float, text: str) -> None:
    """Three significant figures in units of a thousand, carried over where they round up."""
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (0.85, "850 ms"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (240, "4 min"),
        (7100, "118 min"),
        (10800, "3 h"),
        (172_799, "48 h"),
        (172_800, "2 d"),
    ],
)
def test_seconds_for_people(seconds: float, text: str) -> None:
    """One whole number with the unit that keeps it short."""
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(("count", "expected"), [(1_500, "+1.50 kB"), (0, "0 B"), (-1_500, "-1.50 kB")])
def test_changes(count: float, expected: str) -> None:
    """What has grown says so."""
    assert format_change(count) == expected
