import json
from dataclasses import replace
from typing import Any

import pytest

from memguard.commands import RUNNING_SECONDS, WAITING_SECONDS, Command, Following, Outcome
from memguard.dashboard import BODY_LIMIT, Response, admits
from memguard.dashboard.access import session_cookie
from memguard.dashboard.commanding import NO_TOKEN, WAITING_MOST
from memguard.dashboard.merging import moment
from memguard.inspection import Question
from memguard.model import WorkerId
from memguard.settings import Settings
from tests.unit.dashboard.asking import TOKEN, Teller, asked, header, request, settings, with_token
from tests.unit.telling import ME, NOW, told, worker

PATH = "/_memguard/api/commands"
SENT = {"x-memguard": "1", "content-type": "application/json"}
OTHER = WorkerId("there", 9, NOW - 100.1234)
DEAD = WorkerId("there", 10, NOW - 100)
ALL = {"action": "collect", "workers": "all"}
LINES = {"action": "lines", "workers": "all", "operation": {"kind": "request", "name": "GET /users/<id>"}}


INSPECT = {"action": "inspect", "workers": "all", "way": "largest", "name": "shop.Order"}


def teller() -> Teller:
    """Return a guard whose service has two workers that are alive, and one that has stopped."""
    return Teller(told(), told(OTHER), told(worker=worker(DEAD, state="stopped")))


def sent(body: object, guard: Teller | None = None, using: Settings | None = None, **changed: Any) -> Response:
    """Return the answer to a command."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    changed.setdefault("headers", SENT)
    return asked(with_token(PATH, "POST", body=text, **changed), guard or teller(), using)


def refused(answer: Response, status: int) -> str:
    """Return why it was refused."""
    assert answer.status == status
    return str(json.loads(answer.body)["error"])


def key(of: WorkerId) -> dict[str, Any]:
    """Return a worker as the report names it."""
    return {"host": of.host, "pid": of.pid, "started_at": moment(of.started_at)}


def test_a_command_goes_to_all_that_are_alive() -> None:
    """Each worker gets one of its own, which waits for it; who has stopped gets none."""
    guard = teller()
    answer = sent(ALL, guard)
    rows = json.loads(answer.body)["commands"]

    assert answer.status == 202
    assert sorted((row["worker"]["host"], row["action"], row["state"], row["seconds"]) for row in rows) == [
        ("here", "collect", "waiting", None),
        ("there", "collect", "waiting", None),
    ]
    assert {each.worker for each in guard.store.commands()} == {ME, OTHER}
    assert len({row["id"] for row in rows}) == 2


def test_a_command_goes_to_those_that_are_named() -> None:
    """As the report names them, each once; the moment of a start is told to the millisecond, and meant exactly."""
    guard = teller()
    answer = sent({"action": "trace", "workers": [key(OTHER), key(OTHER)], "seconds": 12.5}, guard)

    assert answer.status == 202
    assert [(each.worker, each.action, each.seconds) for each in guard.store.commands()] == [(OTHER, "trace", 12.5)]


def test_tracing_has_a_length_of_its_own() -> None:
    """Half a minute where nothing is said."""
    guard = teller()
    sent({"action": "trace", "workers": "all"}, guard)

    assert {each.seconds for each in guard.store.commands()} == {30.0}


def test_objects_are_looked_into() -> None:
    """With a bounded number of rows and of seconds, and a name where the way needs one."""
    guard = teller()
    sent(INSPECT, guard)
    sent({"action": "inspect", "workers": "all", "way": "cycles", "most": 3, "seconds": 60}, guard)

    assert {(each.question, each.seconds) for each in guard.store.commands()} == {
        (Question("largest", "shop.Order", 15), 20.0),
        (Question("cycles", "", 3), 60.0),
    }


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"way": "colours"}, "way: expected one of largest, size, chain, cycles, uncollectable"),
        ({"name": ""}, "name: expected the name of a type or a container, like 'shop.Order' for largest"),
        ({"way": "cycles"}, "name: expected nothing for cycles"),
        ({"name": 5}, "name: expected the name of a type or a container, like 'shop.Order' for largest"),
        ({"most": 0}, "most: expected a whole number from 1 to 100"),
        ({"most": True}, "most: expected a whole number from 1 to 100"),
        ({"seconds": 121}, "seconds: expected a number from 1 to 120"),
        ({"action": "collect"}, "name: only the action inspect takes it"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(changed: dict[str, Any], complaint: str) -> None:
    """In words, before any worker is asked."""
    guard = teller()

    assert refused(sent({**INSPECT, **changed}, guard), 400) == complaint
    assert guard.store.commands() == []


def test_units_are_followed_line_by_line() -> None:
    """Three of them, for a minute at most, where nothing else is said; of the operation's own code or what is named."""
    guard = teller()
    assert sent(LINES, guard).status == 202
    assert {(each.seconds, each.following) for each in guard.store.commands()} == {
        (60.0, Following("request", "GET /users/<id>", 3, ()))
    }
    guard = teller()
    answer = sent({**LINES, "units": 7, "seconds": 5, "functions": ["shop.users:show"]}, guard)
    following = {"kind": "request", "name": "GET /users/<id>", "units": 7, "functions": ["shop.users:show"]}

    assert [each["following"] for each in json.loads(answer.body)["commands"]] == [following, following]
    assert {(each.seconds, each.following) for each in guard.store.commands()} == {
        (5.0, Following("request", "GET /users/<id>", 7, ("shop.users:show",)))
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is no JSON."),
        (b"{", "The body is no JSON."),
        (b"\xff", "The body is no JSON."),
        (b"[" * 60_000, "The body is no JSON."),
        (b"[]", 'The body must be an object like {"action": "collect", "workers": "all"}.'),
        (b"NaN", 'The body must be an object like {"action": "collect", "workers": "all"}.'),
        ({}, "action: expected one of trace, lines, collect, trim, snapshot, inspect, recycle"),
        ({"action": "exec", "workers": "all"}, "action: expected one of trace, lines, collect, trim, snapshot, inspect, recycle"),
        ({"action": ["trace"], "workers": "all"}, "action: expected one of trace, lines, collect, trim, snapshot, inspect, recycle"),
        ({**ALL, "force": True}, "unknown field 'force'; known here: action, workers, seconds, operation, units"),
        ({**ALL, "seconds": 3}, "seconds: only the actions trace, lines and inspect take them"),
        ({"action": "trace", "workers": "all", "seconds": 0}, "seconds: expected a number from 1 to 600"),
        ({"action": "trace", "workers": "all", "seconds": 601}, "seconds: expected a number from 1 to 600"),
        ({"action": "trace", "workers": "all", "seconds": True}, "seconds: expected a number from 1 to 600"),
        ({"action": "trace", "workers": "all", "seconds": "9"}, "seconds: expected a number from 1 to 600"),
        (b'{"action": "trace", "workers": "all", "seconds": NaN}', "seconds: expected a number from 1 to 600"),
        (b'{"action": "trace", "workers": "all", "seconds": 1e999}', "seconds: expected a number from 1 to 600"),
        (b'{"action": "trace", "workers": "all", "seconds": 1' + b"0" * 4000 + b"}", "seconds: expected a number from 1"),
        ({**ALL, "units": 3}, "units: only the action lines takes it"),
        ({"action": "lines", "workers": "all"}, 'operation: expected one like {"kind": "request"'),
        ({**LINES, "operation": {"kind": "task"}}, 'operation: expected one like {"kind": "request"'),
        ({**LINES, "units": 0}, "units: expected a whole number from 1 to 100"),
        ({**LINES, "units": True}, "units: expected a whole number from 1 to 100"),
        ({**LINES, "functions": "shop:bill"}, "functions: expected a list of at most 10"),
        ({**LINES, "functions": ["shop:bill"] * 11}, "functions: expected a list of at most 10"),
        ({"action": "collect"}, 'workers: expected "all", or a list'),
        ({"action": "collect", "workers": []}, 'workers: expected "all", or a list'),
        ({"action": "collect", "workers": "some"}, 'workers: expected "all", or a list'),
        ({"action": "collect", "workers": [7]}, "workers: each of them has host, pid and started_at, as in the report"),
        ({"action": "collect", "workers": [{"host": "here", "pid": 4711}]}, "workers: each of them has host, pid and"),
    ],
)  # fmt: skip
def test_a_malformed_command_is_told_what_is_wrong(body: object, message: str) -> None:
    """With what is allowed; and nobody is asked to do anything."""
    guard = teller()

    assert refused(sent(body, guard), 400).startswith(message)
    assert guard.store.commands() == []


@pytest.mark.parametrize(
    "named",
    [
        key(DEAD), {**key(ME), "pid": 1}, {**key(ME), "host": "x"}, {**key(ME), "started_at": ""}, {**key(ME), "pid": True},
        {**key(ME), "pid": "4711"}, {"host": ["x"], "pid": {}, "started_at": None},
    ],
)  # fmt: skip
def test_who_is_not_alive_cannot_be_asked(named: dict[str, Any]) -> None:
    """A later process with the same pid is another worker; if one of those named cannot be asked, none is."""
    guard = teller()

    assert "is not alive" in refused(sent({"action": "collect", "workers": [key(OTHER), named]}, guard), 409)
    assert guard.store.commands() == []


def test_nobody_to_ask_is_said() -> None:
    """A service whose workers are all gone."""
    assert refused(sent(ALL, Teller()), 409) == "No worker is alive that could do it."


def test_without_a_token_there_are_no_commands() -> None:
    """A debugging developer may look; to act, a token has to be set. The report says so beforehand."""
    using = settings(token=None)
    ask = request(PATH, "POST", headers={"host": "localhost", **SENT}, body=json.dumps(ALL).encode())
    guard = teller()
    report = json.loads(asked(request("/_memguard/api/report"), guard, using).body)

    assert refused(asked(ask, guard, using), 403) == NO_TOKEN
    assert report["commands"] == {"allowed": False, "reason": NO_TOKEN}
    assert json.loads(asked(with_token("/_memguard/api/report"), guard).body)["commands"] == {
        "allowed": True, "reason": "",
    }  # fmt: skip


def with_session(headers: dict[str, str]) -> Response:
    """Return the answer to a command that shows a session's cookie, as a browser does."""
    _, cookie = session_cookie(request(), settings(), now=NOW)
    shown = {"host": "shop.example", "cookie": cookie.partition(";")[0], **headers}
    ask = request(PATH, "POST", debug=False, peer="203.0.113.9", headers=shown, body=json.dumps(ALL).encode())
    return asked(ask, teller()) if admits(ask, settings()) else Response(404, (), b"the host's own")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "https://shop.example"},
        {"origin": "https://shop.example"},
        {"origin": "https://public.example", "x-forwarded-host": "public.example"},
        {"origin": "https://public.example", "sec-fetch-site": "same-origin"},
        {},
    ],
)  # fmt: skip
def test_the_page_itself_may_send_commands(headers: dict[str, str]) -> None:
    """A browser says that it is of the same site, or an old one that its origin is this host."""
    assert with_session({**SENT, **headers}).status == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**SENT, "sec-fetch-site": "cross-site"}, 404),
        ({**SENT, "sec-fetch-site": "same-site"}, 403),
        ({**SENT, "sec-fetch-site": "none"}, 403),
        ({**SENT, "sec-fetch-site": ""}, 403),
        ({**SENT, "origin": "https://evil.example"}, 403),
        ({**SENT, "origin": "https://shop.example.evil.example"}, 403),
        ({**SENT, "origin": "https://shop.example@evil.example"}, 403),
        ({**SENT, "origin": "null"}, 403),
        ({**SENT, "origin": ""}, 403),
        ({**SENT, "origin": "https://["}, 403),
        ({"content-type": "application/json"}, 403),
        ({**SENT, "x-memguard": "true"}, 403),
        ({**SENT, "content-type": "text/plain"}, 415),
        ({**SENT, "content-type": "application/x-www-form-urlencoded"}, 415),
        ({"x-memguard": "1"}, 415),
    ],
)
def test_a_page_of_another_site_may_not(headers: dict[str, str], status: int) -> None:
    """Whatever a form or a script of another site can make a browser send, cookie and all, is refused."""
    assert with_session(headers).status == status


def test_a_long_body_is_refused() -> None:
    """Nothing longer than the limit is looked at; a thousand workers fit in."""
    assert refused(sent(b" " * (BODY_LIMIT + 1)), 413) == f"At most {BODY_LIMIT} bytes are read."


def test_not_too_many_commands_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that asks again and again is told to wait."""
    guard = teller()
    monkeypatch.setattr("memguard.dashboard.commanding.WAITING_MOST", 3)
    assert sent(ALL, guard).status == 202

    assert "2 commands are waiting already" in refused(sent(ALL, guard), 429)
    assert WAITING_MOST >= 64


def listed(*commands: Command) -> list[dict[str, Any]]:
    """Return what the page is told of commands."""
    guard = teller()
    guard.store.add_commands(commands)
    found: list[dict[str, Any]] = json.loads(asked(with_token(PATH), guard).body)["commands"]
    return found


def test_what_came_of_a_command_is_told() -> None:
    """Its result with RSS before and after; the newest comes first."""
    outcome = Outcome(100, 90, 5, 0.25, "Freed 5 objects that only reference cycles kept.")
    first = Command("00000000000000aa", "collect", ME, NOW - 9, NOW - 8, 0.0, "done", outcome)
    rows = listed(first, replace(first, id="00000000000000bb", asked_at=NOW - 5))

    assert [row["id"] for row in rows] == ["00000000000000bb", "00000000000000aa"]
    assert rows[1] == {
        "id": "00000000000000aa", "action": "collect", "worker": key(ME), "seconds": None,
        "following": None, "question": None, "asked_at": "2027-01-15T07:59:51.000Z", "changed_at": "2027-01-15T07:59:52.000Z", "state": "done",
        "result": {
            "rss_before_bytes": 100, "rss_after_bytes": 90, "objects_freed": 5, "seconds": 0.25,
            "message": "Freed 5 objects that only reference cycles kept.", "error": "", "functions": [], "inspection": None,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "age", "shown"),
    [
        ("waiting", WAITING_SECONDS, "waiting"),
        ("waiting", WAITING_SECONDS + 1, "expired"),
        ("running", RUNNING_SECONDS + 30, "running"),
        ("running", RUNNING_SECONDS + 31, "expired"),
        ("done", 10_000, "done"),
    ],
)
def test_a_command_that_nobody_answers_expires(state: Any, age: float, shown: str) -> None:
    """Its worker has died, or runs a memguard that knows no commands."""
    (row,) = listed(Command("00000000000000aa", "trace", ME, NOW - age, NOW - age, 30.0, state))

    assert row["state"] == shown


def test_commands_are_allowed_methods() -> None:
    """The one place of the API that takes a POST."""
    assert header(asked(with_token(PATH, "DELETE")), "Allow") == "GET, HEAD, POST"
    assert header(asked(with_token("/_memguard/api/report", "POST")), "Allow") == "GET, HEAD"
    assert TOKEN not in str(asked(with_token(PATH)).body)
