"""Bytes and durations are read and written as documented."""

from memguard.units import parse_bytes


def test_sizes_in_powers_of_ten() -> None:
    """ "512MB" are 512 million bytes."""
    assert parse_bytes("512MB") == 512_000_000
