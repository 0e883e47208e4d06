"""Servers that stay up over a module's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.adapters.servers import Address
from tests.adapters.subjects import Settings, Subject


@pytest.fixture(scope="module")
def serving() -> Iterator[Callable[[Subject, Settings | None], Address]]:
    """Start a subject's server with some settings, or bare, at the first call; all stop with the module."""
    running: dict[str, Address] = {}
    with ExitStack() as stack:

        def serve(subject: Subject, settings: Settings | None) -> Address:
            key = f"{subject.name} {settings}"
            if key not in running:
                running[key] = stack.enter_context(subject.server(subject.make(settings)))
            return running[key]

        yield serve
