"""The rest of the contract: what only the caller of an application sees, be it a server or a test client."""

import gc
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from flask import Flask

import memguard
from tests.adapters.direct import request_for, serve
from tests.adapters.django_subject import configure
from tests.adapters.menu import FOLLOWED, PLANTED, BoomError, follow
from tests.adapters.subjects import SUBJECTS, Settings, Subject
from tests.adapters.truth import counts, eventually, in_flight

PACKAGE = str(Path(memguard.__file__).parent)
BARE_AND_WATCHED: tuple[Settings | None, ...] = (None, {})
PATHS = ("/clean", "/stream", "/file", "/boom", "/clean")

# Django says so of every file it sends under ASGI.
pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
BY_ADAPTER = [subject for subject in SUBJECTS if not subject.name.endswith("-lint")]
each_subject = pytest.mark.parametrize("subject", BY_ADAPTER, ids=lambda subject: subject.name)


@pytest.fixture(autouse=True)
def _django_lets_exceptions_through() -> Iterator[None]:
    configure()
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        yield


def make(subject: Subject, settings: Settings | None) -> Any:
    """Return a subject's application that lets its exceptions through."""
    app = subject.make(settings)
    if isinstance(app, Flask):
        app.testing = True
    return app


def way_of(error: BaseException) -> list[tuple[str, str]]:
    """Return the frames that an exception came through, without memguard's."""
    frames = [(frame.filename, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    return [frame for frame in frames if not frame[0].startswith(PACKAGE)]


@each_subject
def test_exception(subject: Subject) -> None:
    """The application's exception arrives as the same object, with the same traceback; its unit is an error."""
    ways, contexts = [], []
    for settings in BARE_AND_WATCHED:
        planted = BoomError("planted")
        PLANTED.append(planted)
        with pytest.raises(BoomError) as caught:
            serve(make(subject, settings), request_for(subject, "/boom"))
        assert caught.value is planted
        contexts.append(repr(caught.value.__context__))
        ways.append(way_of(planted))

    assert contexts[0] == contexts[1]  # Django 6.1 leaves one of its own, a task group's
    # Django goes through each middleware with frames of its own.
    assert ways[0][-2:] == ways[1][-2:] if "django" in subject.name else ways[0] == ways[1]
    eventually(counts, {"GET /boom": (1, 1)})


@each_subject
def test_broken_body(subject: Subject) -> None:
    """An exception in the middle of a streamed body passes through as well, and is an error of its unit."""
    planted = BoomError("planted")
    PLANTED.append(planted)
    with pytest.raises(BoomError) as caught:
        serve(make(subject, {}), request_for(subject, "/broken"))

    assert caught.value is planted
    eventually(counts, {"GET /broken": (1, 1)})
    assert in_flight() == 0


@each_subject
@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_nothing_is_held(subject: Subject, mode: str) -> None:
    """Of the request and the response nothing is alive because of memguard once they are over."""
    app = make(subject, {"mode": mode})
    followed = FOLLOWED
    followed.clear()
    for path in PATHS:
        asked = request_for(subject, path)
        follow(path, asked)
        with suppress(BoomError):
            serve(app, asked)
        del asked

    def alive() -> list[str]:
        gc.collect()
        return [name for name, reference in followed if reference() is not None]

    assert len(followed) >= len(PATHS)
    eventually(alive, [])
    eventually(in_flight, 0)  # the end may come from a thread of the framework
