"""Bytes and durations are read and written as documented."""

from memguard.units import parse_bytes


def test_sizes_in_powers_of_ten() -> None:
    """MB means 10^6 bytes."""
    assert parse_bytes("512MB") == 512_000_000
