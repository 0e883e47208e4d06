"""From a trial to pytest: the properties of a test, and its failure."""

import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from memguard.trials.limits import Limits
from memguard.trials.trial import Outcome, Trial
from memguard.trials.words import told


@dataclass(frozen=True, slots=True)
class Begun:
    """A trial that goes on: its runs, and what keeps this process's guard, if it has one, out of them."""

    trial: Trial
    runs: Generator[None, None, None]
    paused: AbstractContextManager[Any]


def begun(limits: Limits, item: pytest.Item) -> Begun:
    """Begin a trial for a test. An application under test may itself be watched: that would be seen, too."""
    trial = Trial(limits, item.nodeid)
    if "memguard.wiring.guard" not in sys.modules:
        return Begun(trial, trial.runs(), nullcontext())
    from memguard.wiring.pausing import paused

    return Begun(trial, trial.runs(), paused())


def settled(each: Begun, item: pytest.Item, what: str) -> Outcome:
    """Note what was measured on the test, for JUnit; return it, or fail the test."""
    outcome = each.trial.outcome
    item.user_properties.append(("memguard_runs", outcome.runs))
    if outcome.objects is not None:
        item.user_properties.append(("memguard_objects_per_run", round(outcome.objects, 3)))
    if outcome.bytes is not None:
        item.user_properties.append(("memguard_bytes_per_run", round(outcome.bytes, 1)))
    if outcome.peak is not None:
        item.user_properties.append(("memguard_peak_bytes", outcome.peak))
    if not outcome.is_good:
        pytest.fail(told(outcome, what), pytrace=False)
    return outcome
