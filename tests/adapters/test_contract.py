"""The contract of every web adapter with its host: what the client receives, and what of a request is counted."""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from memguard.wiring.guard import Guard
from memguard.wiring.watch import Watch
from tests.adapters.menu import CASES, Case
from tests.adapters.servers import Address, fetch, start_and_leave
from tests.adapters.subjects import SUBJECTS, Settings, Subject
from tests.adapters.truth import Counts, counts, eventually, in_flight, inner_adapter

Serving = Callable[[Subject, Settings | None], Address]
WATCH: Settings = {}
TRACE: Settings = {"mode": "trace", "trace_frames": 1}
OFF: Settings = {"mode": "off"}
CLEAN = CASES[0]

_TIMING = re.compile(rb"\r\nserver-timing: ([^\r]+)", re.IGNORECASE)

pytestmark = [
    # Django says so of every file it sends under ASGI.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators"),
    # werkzeug's checks do not know that a HEAD has a length and no body.
    pytest.mark.filterwarnings("ignore:Content-Length and the number of bytes sent"),
]
each_subject = pytest.mark.parametrize(
    "subject",
    [pytest.param(each, id=each.name, marks=pytest.mark.xdist_group(f"serves {each.name}")) for each in SUBJECTS],
)


def ask(address: Address, case: Case) -> bytes:
    """Return every byte of a case's response, but for the date."""
    return fetch(address, case.method, case.path, case.body)


@each_subject
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bytes(subject: Subject, case: Case, serving: Serving) -> None:
    """The client receives the same bytes with and without memguard: status line, headers in their order, body."""
    if subject.has(case):
        bare = ask(serving(subject, None), case)

        assert ask(serving(subject, WATCH), case) == bare
        assert ask(serving(subject, OFF), case) == bare


@each_subject
def test_counts(subject: Subject, serving: Serving) -> None:
    """Each request is one unit of an operation named by its route; what failed is an error; none stays open.

    Requests for the closed endpoint are like any others that nothing matches.
    """
    expected: Counts = {}
    for case in CASES:
        if subject.has(case):
            ask(serving(subject, WATCH), case)
            units, errors = expected.get(subject.operation(case), (0, 0))
            expected[subject.operation(case)] = units + 1, errors + case.error

    eventually(counts, expected)
    assert in_flight() == 0


@each_subject
def test_trace(subject: Subject, serving: Serving) -> None:
    """In trace mode there is one more header, `Server-Timing`, and nothing else is different."""
    bare = ask(serving(subject, None), CLEAN)
    traced = ask(serving(subject, TRACE), CLEAN)

    assert _TIMING.search(traced)
    assert _TIMING.sub(b"", traced) == bare


@each_subject
def test_closed_endpoint_in_trace(subject: Subject, serving: Serving) -> None:
    """In trace mode, too, the closed endpoint cannot be told from a path that nothing matches."""
    closed, unknown = (Case("GET", path, None) for path in ("/_memguard", "/_memguarx"))
    answers = [_TIMING.sub(b"\r\nServer-Timing: its", ask(serving(subject, TRACE), case)) for case in (closed, unknown)]

    assert b"Server-Timing: its" in answers[0]
    assert answers[0].replace(b"/_memguard", b"") == answers[1].replace(b"/_memguarx", b"")


@each_subject
def test_off(subject: Subject, serving: Serving) -> None:
    """With the mode off nothing is watched: there is no guard."""
    ask(serving(subject, OFF), CLEAN)

    assert Guard.current() is None


@each_subject
def test_twice(subject: Subject) -> None:
    """A request that goes through several layers of memguard is one unit, named by its route; the worker tells of it."""
    with subject.server(subject.twice()) as address:
        ask(address, CLEAN)
        eventually(counts, {"GET /clean": (1, 0)})
        eventually(lambda: str(inner_adapter()).split(".")[0], "memguard")


@each_subject
def test_wired_once(subject: Subject, serving: Serving) -> None:
    """Nothing is said of a second layer where there is none, whatever way a request takes inside the application."""
    ask(serving(subject, WATCH), CLEAN)

    eventually(in_flight, 0)
    assert inner_adapter() == ""


@each_subject
def test_disconnect(subject: Subject, serving: Serving) -> None:
    """The unit of a client that goes away in mid-stream ends."""
    start_and_leave(serving(subject, WATCH), "/endless")

    eventually(counts, {"GET /endless": (1, 0)})
    assert in_flight() == 0


@each_subject
def test_overlap(subject: Subject, serving: Serving) -> None:
    """Two requests in flight at the same time are two units that say they overlapped."""
    address = serving(subject, TRACE)
    threads = [threading.Thread(target=fetch, args=(address, "GET", "/meet")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    eventually(counts, {"GET /meet": (2, 0)})
    guard = Guard.current()
    assert guard is not None
    eventually(lambda: counts() and [unit.overlapped for _, unit in guard.store.units()], [True, True])


@each_subject
@pytest.mark.parametrize("place", [(Guard, "for_process"), (Watch, "begin"), (Watch, "end")], ids=lambda each: each[1])
def test_failure_inside(
    subject: Subject, place: tuple[Any, str], serving: Serving, monkeypatch: pytest.MonkeyPatch, swallowed: list[BaseException]
) -> None:  # fmt: skip
    """What fails inside memguard is for its log; the client gets what it always gets."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    bare = ask(serving(subject, None), CLEAN)
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        watched = ask(serving(subject, WATCH), CLEAN)
        eventually(lambda: [str(error) for error in swallowed], ["planted"])

    assert watched == bare


@each_subject
def test_endpoint_with_token(subject: Subject) -> None:
    """With a token set, whoever has it gets the report; whoever has not gets the application's own 404."""
    case = Case("GET", "/_memguard/api/report", None)
    with subject.server(subject.make(None)) as address:
        bare = ask(address, case)
    with subject.server(subject.make({"token": "a-long-secret"})) as address:
        ask(address, CLEAN)
        eventually(counts, {"GET /clean": (1, 0)})
        allowed = fetch(address, case.method, case.path, headers=("Authorization: Bearer a-long-secret",))
        refused = fetch(address, case.method, case.path, headers=("Authorization: Bearer another-secret",))

    head, _, body = allowed.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert [each["name"] for each in json.loads(body)["operations"]] == ["GET /clean"]
    assert refused == bare
