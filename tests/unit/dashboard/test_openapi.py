"""The description of the API is true: it is sound, it is served, and real answers are as it says, field by field."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from memguard.dashboard.api import openapi
from tests.api_page import PAGE, page
from tests.unit.dashboard.asking import Teller, asked, header, settings, with_token
from tests.unit.everything import EARLIER, FINGERPRINT, GRAPHED, SNAPSHOT, fill
from tests.unit.telling import NOW, told, worker

DOCUMENT = openapi()
NOBODYS = "ffffffffffffffff"


def teller() -> Teller:
    """Return a guard whose store holds something of everything."""
    guard = Teller()
    fill(guard.store, NOW)
    return guard


def described(path: str, method: str, status: int) -> tuple[str, dict[str, Any]]:
    """Return the content type and the schema that the document promises."""
    answer = DOCUMENT["paths"][path][method]["responses"][str(status)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    ((kind, content),) = answer["content"].items()
    return kind, content["schema"]


def conforms(data: object, schema: dict[str, Any]) -> None:
    """Fail where data is not as a schema of the document says."""
    whole = {**schema, "components": DOCUMENT["components"], "$schema": "https://json-schema.org/draft/2020-12/schema"}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(data)


def test_the_document_is_sound() -> None:
    """It is OpenAPI 3.1, by the specification's own schema."""
    validate(DOCUMENT)


def test_it_is_served_with_the_path_that_it_is_served_under() -> None:
    """A client that reads it knows where to ask."""
    answer = asked(with_token("/_memguard/api/openapi.json", root="/shop"), teller())

    assert json.loads(answer.body) == {**DOCUMENT, "servers": [{"url": "/shop/_memguard"}]}


FORMS = ("mgs", "svg", "pprof", "speedscope", "collapsed")
ASKED = [
    ("/api/report", "", 200),
    ("/api/timeline", "", 200),
    ("/api/timeline", "since=x", 400),
    ("/api/units", "", 200),
    ("/api/units", "limit=0", 400),
    ("/api/objects", "", 200),
    ("/api/objects", "limit=3", 400),
    ("/api/commands", "", 200),
    ("/api/commands", "limit=501", 400),
    (f"/api/commands/{GRAPHED}/graph.dot", "", 200),
    (f"/api/commands/{GRAPHED}/graph.dot", "x=1", 400),
    (f"/api/commands/{NOBODYS}/graph.dot", "", 404),
    ("/api/openapi.json", "", 200),
    ("/api/report", "x=1", 400),
    (f"/api/findings/{FINGERPRINT}", "", 200),
    (f"/api/findings/{FINGERPRINT}", "x=1", 400),
    (f"/api/findings/{NOBODYS}", "", 404),
    ("/api/snapshots", "", 200),
    ("/api/snapshots", "x=1", 400),
    (f"/api/snapshots/{SNAPSHOT}", "", 200),
    (f"/api/snapshots/{SNAPSHOT}", f"since={EARLIER}&by=file&include=*/shop/*&exclude=*/x/*,*/y/*&domain=0", 200),
    (f"/api/snapshots/{SNAPSHOT}", "by=colour", 400),
    (f"/api/snapshots/{SNAPSHOT}", "since=yesterday", 400),
    (f"/api/snapshots/{SNAPSHOT}", "domain=-1", 400),
    (f"/api/snapshots/{SNAPSHOT}", f"include={'x' * 257}", 400),
    (f"/api/snapshots/{SNAPSHOT}", f"since={NOBODYS}", 404),
    (f"/api/snapshots/{NOBODYS}", "", 404),
    *((f"/api/snapshots/{SNAPSHOT}/{form}", "", 200) for form in FORMS),
    *((f"/api/snapshots/{SNAPSHOT}/{form}", "by=line", 400) for form in FORMS),
    *((f"/api/snapshots/{NOBODYS}/{form}", "", 404) for form in FORMS),
    (f"/api/findings/{FINGERPRINT}/issue", "", 200),
    (f"/api/findings/{FINGERPRINT}/issue", "x=1", 400),
    (f"/api/findings/{NOBODYS}/issue", "", 404),
    (f"/api/findings/{FINGERPRINT}/reproduction", "", 200),
    (f"/api/findings/{NOBODYS}/reproduction", "", 404),
]


def template_of(path: str) -> str:
    """Return a path as the document writes it."""
    named = "{fingerprint}" if path.startswith("/api/findings") else "{id}"
    for each in (FINGERPRINT, NOBODYS, SNAPSHOT, GRAPHED):
        path = path.replace(each, named)
    return path


@pytest.mark.parametrize(("path", "query", "status"), ASKED)
def test_answers_are_as_it_says(path: str, query: str, status: int) -> None:
    """No field is missing, none is there that is not described, and each has its type."""
    answer = asked(with_token(f"/_memguard{path}", query=query), teller())
    template = template_of(path)
    kind, schema = described(template, "get", status)

    assert answer.status == status
    assert header(answer, "Content-Type").partition(";")[0] == kind
    conforms(json.loads(answer.body) if kind == "application/json" else answer.body.decode("latin-1"), schema)


def test_every_path_of_it_is_asked() -> None:
    """No answer is described that no test has looked at."""
    seen = {template_of(path) for path, _, status in ASKED if status == 200}

    assert seen == set(DOCUMENT["paths"])


ORDER = {"action": "collect", "workers": "all"}
SENT = {"x-memguard": "1", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "using", "status"),
    [
        (json.dumps(ORDER), SENT, {}, 202),
        (
            json.dumps({**ORDER, "action": "lines", "operation": {"kind": "task", "name": "a"}, "units": 2}),
            SENT,
            {},
            202,
        ),
        (json.dumps({**ORDER, "action": "inspect", "way": "largest", "name": "dict", "most": 3}), SENT, {}, 202),
        ("{", SENT, {}, 400),
        (json.dumps(ORDER), {"content-type": "application/json"}, {}, 403),
        (json.dumps({**ORDER, "workers": [{"host": "x", "pid": 1, "started_at": ""}]}), SENT, {}, 409),
        ("x" * 70_000, SENT, {}, 413),
        (json.dumps(ORDER), {**SENT, "content-type": "text/plain"}, {}, 415),
    ],
)
def test_answers_to_commands_are_as_it_says(
    body: str, headers: dict[str, str], using: dict[str, Any], status: int
) -> None:
    """Taken or refused."""
    sent = with_token("/_memguard/api/commands", "POST", body=body.encode(), headers=headers)
    answer = asked(sent, teller(), settings(**using))
    kind, schema = described("/api/commands", "post", status)

    assert (answer.status, header(answer, "Content-Type")) == (status, kind)
    conforms(json.loads(answer.body), schema)


def test_every_worker_field_is_described() -> None:
    """The schema of a worker is the report's row, name by name."""
    row = json.loads(asked(with_token("/_memguard/api/report"), Teller(told(worker=worker()))).body)["workers"][0]

    assert list(DOCUMENT["components"]["schemas"]["Worker"]["required"]) != []
    assert set(DOCUMENT["components"]["schemas"]["Worker"]["properties"]) == set(row)


def test_the_page_on_the_api_is_written_from_it() -> None:
    """`python -m tests.api_page` writes it anew."""
    assert PAGE.read_text() == page()
