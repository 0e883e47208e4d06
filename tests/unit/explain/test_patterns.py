import re

import pytest

from memguard.explain import patterns
from memguard.model import Pattern

KNOWN = [each for each in vars(patterns).values() if isinstance(each, Pattern)]


@pytest.mark.parametrize("pattern", KNOWN, ids=lambda pattern: pattern.id)
def test_a_pattern_helps(pattern: Pattern) -> None:
    """Every pattern has an id that reads like the others, a title, and advice in whole sentences."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", pattern.id)
    assert pattern.title[0].isupper()
    assert pattern.advice.endswith(".")
    assert len(pattern.advice) > 60


def test_ids_are_unique() -> None:
    """An id means one pattern."""
    ids = [pattern.id for pattern in KNOWN]

    assert len(set(ids)) == len(ids)
    assert patterns.UNKNOWN.id == "unknown"
