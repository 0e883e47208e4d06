"""Numbers that commands take and print."""

import argparse

from memguard.units import format_change


def count(text: str) -> int:
    """Return how many are asked for, a whole number from 1 on; as argparse's `type` it says what is wrong."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, not {text!r}")
    return number


def signed(size: int | None) -> str:
    """Return a change in bytes, `-` where it is not known."""
    return "-" if size is None else format_change(size)
