"""Thousands of requests drawn from the API's own description, right ones and broken ones, sent to a real server.

Each answer is one that the description knows for that path, method and status, and holds what it says.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from example_apps import commands
from example_apps.servers import Servers
from memguard.dashboard.api import openapi
from tests.live.live import TOKEN, Web, eventually, web_server
from tests.live.planted import SECRET
from tests.live.raw import Raw, send

DOCUMENT = openapi()
EXAMPLES, REQUESTS_EACH = 400, 6
TEMPLATES = sorted(DOCUMENT["paths"])
TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
VALUES = {
    "string": TEXT | st.sampled_from(["2027-01-15T08:00:00Z", "now", "GET /clean", "-1", "0", "1e5", "%00", "'"]),
    "integer": st.integers(-5, 20_000).map(str) | st.sampled_from(["9" * 30, "1.5", "0x10", " 1"]),
    "number": st.floats().map(str) | st.integers(0, 10**12).map(str),
}
WORKER = st.fixed_dictionaries({"host": TEXT, "pid": st.integers(), "started_at": TEXT})
ORDER = st.fixed_dictionaries(
    {"action": st.sampled_from(["trace", "collect", "trim", "snapshot", "inspect", "recycle"]) | TEXT, "workers": st.lists(WORKER, max_size=3) | JSON},
    optional={"seconds": st.floats() | st.integers() | TEXT, "more": JSON},
)  # fmt: skip
BODIES = (
    ORDER.map(lambda order: json.dumps(order).encode())
    | JSON.map(lambda told: json.dumps(told).encode())
    | st.binary(max_size=200)
)
HEADERS = st.lists(
    st.sampled_from([
        ("Content-Type", "application/json"), ("X-Memguard", "1"), ("Content-Type", "text/plain"), ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "same-origin"), ("Accept", "text/html"), ("Accept-Encoding", "gzip, br"), ("Cookie", "memguard_session=1.2"),
        ("If-None-Match", "*"), ("Range", "bytes=0-5"), ("Expect", "nothing"), ("X-HTTP-Method-Override", "DELETE"),
    ]),
    max_size=4, unique_by=lambda header: header[0],
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, str, list[tuple[str, str]], bytes]:
    """Return a template of the description, a method, a target, headers and a body."""
    template = draw(st.sampled_from(TEMPLATES))
    methods = DOCUMENT["paths"][template]
    method = draw(
        st.sampled_from([each.upper() for each in methods]) | st.sampled_from(["POST", "PUT", "DELETE", "HEAD"])
    )
    fingerprint = draw(st.sampled_from(["00112233aabbccdd", "ff", "g", "0" * 65]) | TEXT)
    path = template.replace("{fingerprint}", quote(fingerprint, safe=""))
    parameters = [each for each in methods.get("get", {}).get("parameters", []) if each["in"] == "query"]
    asked = [
        (each["name"], draw(VALUES[_kind(each["schema"])] | TEXT)) for each in parameters if draw(st.booleans())
    ] + draw(st.lists(st.tuples(TEXT, TEXT), max_size=1))
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked)
    query = draw(
        st.just(query) | st.text(alphabet="%&=+;a1\x7f", max_size=30).map(lambda text: quote(text, safe="%&=+;"))
    )
    body = draw(BODIES) if method in {"POST", "PUT"} else b""
    return template, method, f"/_memguard{path}{f'?{query}' if query else ''}", draw(HEADERS), body


def _kind(schema: dict[str, Any]) -> str:
    return str(schema["type"]) if "type" in schema else "string"


@pytest.fixture(scope="module")
def web(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server whose application keeps a secret."""

    def command(port: int) -> list[str]:
        return commands.uvicorn("tests.live.planted:app", port)

    with web_server(servers, tmp_path_factory.mktemp("fuzz"), command) as made:
        assert made.get("/health")[0] == 200
        eventually(lambda: made.report()["workers"], "the worker's first word")
        yield made
        assert "Traceback" not in made.server.log.read_text()


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
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(json.loads(answer.body))


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(drawn=st.lists(requests(), min_size=REQUESTS_EACH, max_size=REQUESTS_EACH), is_bearer=st.integers(0, 9))
def test_whatever_is_asked_is_answered_as_described(web: Web, drawn: list[Any], is_bearer: int) -> None:
    """Some thousand requests: no failure, no traceback, no value of the host's, and no answer that is not described."""
    for template, method, target, headers, body in drawn:
        token = [("Authorization", f"Bearer {TOKEN}")] if is_bearer else []
        answer = send(web.port, method, target, [*headers, *token], body)
        if is_bearer:
            conforms(template, method, answer)
        else:
            assert answer.status in {400, 404, 405}, answer
            assert SECRET not in answer.text
