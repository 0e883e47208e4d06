"""Thousands of requests drawn from the API's own description, right ones and broken ones, sent to a real server.

Each answer is one that the description knows for that path, method and status, and holds what it says. The store holds
something of everything, so that every good answer of the description is reached; that they all were is asserted.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from example_apps import commands
from example_apps.servers import Servers
from memguard.commands import ACTIONS
from memguard.dashboard.api import openapi
from memguard.settings import Settings
from memguard.store import open_store
from tests.live.drawing import TEXT, drawn
from tests.live.live import TOKEN, Web, eventually, web_server
from tests.live.planted import EVIL, SECRET
from tests.live.raw import Raw, send
from tests.unit.everything import EARLIER, FINGERPRINT, GRAPHED, OTHER_FINGERPRINT, SNAPSHOT, fill

DOCUMENT = openapi()
EXAMPLES, REQUESTS_EACH = 250, 7
BODIES_LEAST = 200
OPERATIONS = sorted((path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods)
ORDERED = ("/api/commands", "POST")
KNOWN = {
    "/api/findings": (FINGERPRINT, OTHER_FINGERPRINT),
    "/api/snapshots": (SNAPSHOT, EARLIER),
    "/api/commands": (GRAPHED,),
}
PLACE = {"host": "of the server", "pid": 1, "started_at": "then"}
"""Stands for the worker that serves, whose name is not known before it runs."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
ODD = TEXT | st.floats().map(str) | st.integers().map(str) | st.sampled_from(
    ["2027-01-15T08:00:00Z", "now", "GET /clean", "-1", "0", "1e5", "%00", "'", "9" * 30, "1.5", "0x10", " 1"]
)  # fmt: skip
WORKERS = (
    st.just("all")
    | st.just([PLACE])
    | st.lists(drawn({"$ref": "#/components/schemas/WorkerKey"}, DOCUMENT), max_size=3)
)
RIGHT = st.one_of(
    st.fixed_dictionaries({"action": st.sampled_from(["collect", "trim", "snapshot"]), "workers": WORKERS}),
    st.fixed_dictionaries({"action": st.just("trace"), "workers": WORKERS, "seconds": st.integers(1, 2)}),
    st.just({"action": "inspect", "workers": "all", "way": "size", "name": "tests.live.planted._kept", "seconds": 1}),
    st.just({"action": "inspect", "workers": [PLACE], "way": "chain", "name": "dict", "seconds": 1}),
)
DESCRIBED = drawn({"$ref": "#/components/schemas/Order"}, DOCUMENT) | st.fixed_dictionaries(
    {"action": st.sampled_from(ACTIONS) | TEXT, "workers": WORKERS | JSON},
    optional={"seconds": st.floats(allow_nan=False) | st.integers() | TEXT, "more": JSON},
)
BODIES = (RIGHT | DESCRIBED).map(lambda order: json.dumps(harmless(order)).encode())
BROKEN = JSON.map(lambda told: json.dumps(told).encode()) | st.binary(max_size=200)
RIGHT_HEADERS = [("Content-Type", "application/json"), ("X-Memguard", "1")]
HEADERS = st.lists(
    st.sampled_from([
        *RIGHT_HEADERS, ("Content-Type", "text/plain"), ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "same-origin"), ("Accept", "text/html"), ("Accept-Encoding", "gzip, br"), ("Cookie", "memguard_session=1.2"),
        ("If-None-Match", "*"), ("Range", "bytes=0-5"), ("Expect", "nothing"), ("X-HTTP-Method-Override", "DELETE"),
    ]),
    max_size=4, unique_by=lambda header: header[0],
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request: the path as the description has it, and as it is sent."""

    template: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


def harmless(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order that does not end the server that it is given to, nor keep it busy until the test is over."""
    if order["action"] == "recycle" and order["workers"] in ("all", [PLACE]):
        return {**order, "workers": [{**PLACE, "host": "another"}]}
    if order["action"] in {"trace", "lines", "inspect"} and isinstance(order.get("seconds", 30), int | float):
        return {**order, "seconds": min(2, order.get("seconds", 1))}
    return order


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Return a request; every second one is of those that the description calls right, as far as that can be known."""
    template, method = draw(st.sampled_from(OPERATIONS))
    parameters = DOCUMENT["paths"][template][method.lower()].get("parameters", [])
    is_right, known = draw(st.booleans()), KNOWN.get("/".join(template.split("/")[:3]), ("",))
    named = draw(st.sampled_from(known) if is_right else st.sampled_from([*known, "ff", "g", "0" * 65]) | TEXT)
    path = template.replace("{fingerprint}", quote(named, safe="")).replace("{id}", quote(named, safe=""))
    asked = [
        (each["name"], _value(draw, each, known, is_right=is_right))
        for each in parameters
        if each["in"] == "query" and draw(st.booleans())
    ]
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked)
    if is_right:
        headers = RIGHT_HEADERS if method == "POST" else []
        return Asked(template, method, _target(path, query), [*headers], draw(BODIES) if method == "POST" else b"")
    more = draw(st.lists(st.tuples(TEXT, TEXT), max_size=1))
    query += "".join(f"&{quote(name, safe='')}={quote(value, safe='')}" for name, value in more)
    query = draw(
        st.just(query) | st.text(alphabet="%&=+;a1\x7f", max_size=30).map(lambda text: quote(text, safe="%&=+;"))
    )
    method = draw(st.just(method) | st.sampled_from(["POST", "PUT", "DELETE", "HEAD"]))
    body = draw(BODIES | BROKEN) if method in {"POST", "PUT"} else b""
    return Asked(template, method, _target(path, query), draw(HEADERS), body)


def _target(path: str, query: str) -> str:
    return f"/_memguard{path}{f'?{query}' if query else ''}"


def _value(draw: st.DrawFn, parameter: dict[str, Any], known: tuple[str, ...], *, is_right: bool) -> str:
    if not is_right and draw(st.booleans()):
        return draw(ODD)
    if parameter["name"] == "since" and "pattern" in parameter["schema"]:
        return draw(st.sampled_from(known))
    return str(draw(drawn(parameter["schema"], DOCUMENT)))


@pytest.fixture(scope="module")
def web(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server whose application keeps a secret, and whose store holds something of everything."""

    def command(port: int) -> list[str]:
        return commands.uvicorn("tests.live.planted:app", port)

    directory = tmp_path_factory.mktemp("fuzz")
    stored = Settings.load({"service": "live", "store": str(directory / "memguard.db")}, environ={})
    with closing(open_store(stored)) as store:
        fill(store, time.time())
    with web_server(servers, directory, command) as made:
        assert made.get("/health")[0] == 200
        assert made.get(f"/{quote(EVIL)}/{SECRET}")[0] == 200
        eventually(lambda: any(each["host"] != "here" for each in made.report()["workers"]), "the worker's first word")
        yield made
        assert "Traceback" not in made.server.log.read_text()


@cache
def validator(schema: str) -> Draft202012Validator:
    """Return what checks values by a schema of the description."""
    return Draft202012Validator({**json.loads(schema), "components": DOCUMENT["components"]})


def conforms(template: str, method: str, answer: Raw) -> None:
    """Fail where an answer is not as the description says."""
    told = DOCUMENT["paths"][template].get("get" if method == "HEAD" else method.lower())
    assert answer.status < 500, answer
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text
    if told is None:
        assert answer.status in {400, 404, 405}
        return
    assert str(answer.status) in {*told["responses"], "404"}, answer
    if method == "HEAD":
        assert answer.body == b""
        return
    promised = told["responses"].get(str(answer.status), {})
    if "$ref" in promised:
        promised = DOCUMENT["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    for kind, content in promised.get("content", {}).items():
        if answer.header("content-type").partition(";")[0] == kind == "application/json":
            validator(json.dumps(content["schema"])).validate(json.loads(answer.body))


@dataclass
class Reached:
    """What the requests of a test have come to.

    Attributes:
        answered: By path and method, how often each was answered as asked.
        bodies: How many orders were read: taken, or refused for what they hold.
    """

    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    bodies: int = 0

    def note(self, asked: Asked, answer: Raw) -> None:
        """Count an answer."""
        if 200 <= answer.status < 300 and asked.method != "HEAD":
            self.answered[asked.template, asked.method] += 1
        is_order = (asked.template, asked.method) == ORDERED and asked.headers == RIGHT_HEADERS
        if is_order and (answer.status in {202, 409} or (answer.status == 400 and "is no JSON" not in answer.text)):
            self.bodies += 1


def test_whatever_is_asked_is_answered_as_described(web: Web) -> None:
    """Some thousand requests: no failure, no traceback, no value of the host's, and no answer that is not described.

    Every operation of the description has been answered as asked, and hundreds of orders were read.
    """
    (serving,) = (each for each in web.report()["workers"] if each["host"] not in {"here", "there"})
    worker = json.dumps({name: serving[name] for name in PLACE}).encode()
    reached = Reached()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(
        several=st.lists(requests(), min_size=REQUESTS_EACH, max_size=REQUESTS_EACH),
        order=BODIES,
        is_bearer=st.integers(0, 9),
    )
    def ask(several: list[Asked], order: bytes, is_bearer: int) -> None:
        for asked in several:
            answer = sent(asked, with_token=is_bearer > 0)
            if not is_bearer:
                assert answer.status in {400, 404, 405}, answer
                assert SECRET not in answer.text
        sent(Asked(*ORDERED, f"/_memguard{ORDERED[0]}", [*RIGHT_HEADERS], order))

    def sent(asked: Asked, *, with_token: bool = True) -> Raw:
        token = [("Authorization", f"Bearer {TOKEN}")] if with_token else []
        body = asked.body.replace(json.dumps(PLACE).encode(), worker)
        answer = send(web.port, asked.method, asked.target, [*asked.headers, *token], body)
        if with_token:
            conforms(asked.template, asked.method, answer)
            reached.note(asked, answer)
        return answer

    ask()

    assert set(OPERATIONS) - set(reached.answered) == set()
    assert reached.bodies >= BODIES_LEAST
