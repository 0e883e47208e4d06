"""Chains as the search finds them in this process lead to the pattern of what was planted."""

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from memguard.classes import type_name
from memguard.evidence import TypeCount
from memguard.explain.holders import find, representative
from memguard.explain.patterns import recognise
from memguard.model import Operation
from memguard.readings import Clues
from tests.unit.explain import leaking

UNITS = 30
SEARCHED = 8
SECONDS = 20.0


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    leaking.stop.clear()
    yield
    leaking.clear()
    gc.collect()


@pytest.mark.parametrize(
    ("expected", "leak"),
    [
        ("unbounded-container", leaking.in_a_list),
        ("closure-callback", leaking.in_a_registered_closure),
        ("closure-callback", leaking.as_a_registered_function),
        ("closure-callback", leaking.by_a_bound_method),
        ("closure-callback", leaking.argument_of_a_partial),
        ("signal-receiver", leaking.connected_to_blinker),
        ("signal-receiver", leaking.connected_to_django),
        ("thread-local", leaking.in_a_thread_local),
        ("context-var", leaking.in_a_context),
        ("logging-handler", leaking.as_a_log_handler),
        ("exception-traceback", leaking.local_of_a_kept_exception),
        ("exception-traceback", leaking.local_of_chained_exceptions),
        ("dynamic-class", leaking.as_a_class),
        ("executor-leak", leaking.as_an_executor),
        ("file-descriptor", leaking.as_a_socket),
        ("file-descriptor", leaking.as_an_event_loop),
        ("task-retry-queue", leaking.in_a_retry_queue),
        ("task-retry-queue", leaking.in_a_queue),
        ("unbounded-cache", leaking.as_a_key_of_a_cached_method),
        ("unbounded-cache", leaking.in_a_cached_function),
        ("exit-hook", leaking.finalized_by_its_own_method),
        ("exit-hook", leaking.in_an_exit_hook),
        ("thread-leak", leaking.local_of_a_thread),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_planted_leak(expected: str, leak: Callable[[int], object]) -> None:
    """What was planted in one way is recognised by the chain that the search finds to it, and by its type."""
    before = threading.active_count()
    left = [weakref.ref(leak(number)) for number in range(UNITS)]
    threads = (threading.active_count() - before) / UNITS
    gc.collect()
    targets = [reference() for reference in left[-SEARCHED:]]
    assert all(each is not None for each in targets), "nothing was planted"
    counts = Counter(type_name(type(each)) for each in targets)
    found = representative(find(targets, seconds=SECONDS))
    types = tuple(TypeCount(name, count) for name, count in counts.items())
    holder = found.holder if found else None
    clues = Clues(Operation("request", "GET /"), types, holder=holder, threads=threads)

    assert recognise(clues).id == expected, holder
