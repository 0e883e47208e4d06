"""What a test does without a program that it needs and that nothing on this machine can install."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, and say why; where the variable `CI` is set fail, because there a skipped test is one nobody runs."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; CI may not go without")
    pytest.skip(what)
