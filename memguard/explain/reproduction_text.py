"""The part of a reproduction that is the same for all. `⟦NAME⟧` stands for Python that is made from the finding."""

FILE = '''"""Fails while an operation leaks, and passes once it is mended. Written by memguard, whose pytest plugin judges it.

1. Have memguard where the tests run: pip install memguard-web
2. Fill in the lines that are marked so: where the application is, and what it is sent.
3. Run it with pytest, before and after the change; and keep it, so that what is mended stays mended.
"""

import os
from itertools import count
⟦IMPORTS⟧

# What the finding says. Objects are those left behind by a unit, on average.
FINDING = ⟦FINDING⟧
OPERATION = ⟦OPERATION⟧
PATTERN = ⟦PATTERN⟧
SITE_FILE, SITE_LINE, SITE_SOURCE = ⟦SITE⟧
HOLDER = ⟦HOLDER⟧
OBJECTS = ⟦OBJECTS⟧

# How it is judged: units are run in rounds, and what stays of every round is residue. Where the mend is a cap, it must be
# reached before the first round: raise warmup above it.
LIMITS = ⟦LIMITS⟧

⟦GIVEN⟧

def test_nothing_stays(unit, memguard):
    numbers = count()
    answer = unit(next(numbers))
    assert answer not in UNEXPECTED, f"{OPERATION} answered {answer}: fill in what it needs, or allow it in UNEXPECTED"

    def one():
        unit(next(numbers))

    one.__qualname__ = f"{OPERATION} ({PATTERN}, finding {FINDING})"
⟦CHECK⟧'''

CHECK = """    memguard.check(one, **LIMITS)
"""

CHECK_DESCRIPTORS = """    for _ in range(LIMITS["warmup"]):
        one()
    before = open_descriptors()
    outcome = memguard.check(one, **LIMITS)
    opened = open_descriptors() - before
    assert opened < outcome.runs * DESCRIPTORS, f"{OPERATION} leaks: {opened} descriptors more are open"


DESCRIPTORS = ⟦DESCRIPTORS⟧  # so many more for each unit are a leak


def open_descriptors():
    return len(os.listdir("/dev/fd"))
"""
