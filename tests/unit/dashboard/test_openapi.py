"""The description of the API is true: it is sound, it is served, and real answers are as it says, field by field."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from memguard.allocations import Allocations, Group, packed
from memguard.commands import Command, FollowedFunction, FollowedLine, Following, Outcome
from memguard.dashboard.api import openapi
from memguard.evidence import TypeCount
from memguard.inspection import Cycle, DeepSize, Edge, Graph, Inspection, Node, ObjectSize, Question
from memguard.model import WorkerId
from memguard.snapshots import Kept, SiteSize, Snapshot, TypeGrowth, TypeSize
from tests.api_page import PAGE, page
from tests.unit.dashboard.asking import Teller, asked, header, settings, with_token
from tests.unit.telling import ME, NOW, event, finding, point, stats, told, unit, worker

DOCUMENT = openapi()
FINGERPRINT = finding().fingerprint
NOBODYS = "ffffffffffffffff"
FOLLOWED = FollowedFunction("show", "/srv/shop/views.py", (FollowedLine(7, 1, 0, 8, 9, "x = 1"), FollowedLine(8)))
GRAPHED = "0123456789abcdec"
QUESTION = Question("chain", "shop.Order")
FOUND = Inspection(
    QUESTION, 3, 9, (ObjectSize("a.B", 3, None, "x.y[…]"),), DeepSize("dict", 1, 2, 3, "estimate", 0.5),
    Graph("x.y[…]", "module x", 3, 2, 1, (Node(0, "dict", 5, 1, "root", "module x"),), (Edge(0, 0, ".y"),)),
    (Cycle("a.B.c", 1, 2, 3, (TypeCount("a.B", 1),)),), (TypeCount("a.B", 1),), False, ("Not all.",),
)  # fmt: skip
SNAPSHOT, EARLIER = "5a5a5a5a5a5a5a5a", "4b4b4b4b4b4b4b4b"


def teller() -> Teller:
    """Return a guard whose store holds something of everything."""
    outcome = Outcome(1, 2, 3, 0.5, "Freed 3 objects.", "")
    guard = Teller(
        told(
            operations=(stats(),), findings=(finding(),), units=(unit(NOW - 3),), timeline=(point(NOW - 3),),
            events=(event(NOW - 3, "ceiling", rss_bytes=1),),
        ),
        told(WorkerId("there", 9, NOW - 9), findings=(finding("0a", holder=None, sites=()),)),
    )  # fmt: skip
    guard.store.add_commands(
        [
            Command("0123456789abcdef", "collect", ME, NOW, NOW, 0.0, "done", outcome),
            Command("0123456789abcdee", "trace", ME, NOW, NOW, 30.0),
            Command(
                "0123456789abcded",
                "lines",
                ME,
                NOW,
                NOW,
                60.0,
                "done",
                replace(outcome, functions=(FOLLOWED,)),
                Following("request", "GET /a", 3, ("a.b:c",)),
            ),
            Command(GRAPHED, "inspect", ME, NOW, NOW, 10.0, "done", replace(outcome, inspection=FOUND), None, QUESTION),
        ]
    )
    guard.store.add_snapshot(
        ME,
        Snapshot(
            NOW, None, 3, (TypeSize("a.B", 3, None),), (TypeGrowth("a.B", 1, 3),), (SiteSize("a", 1, "f", 8, 1, 8),)
        ),
    )
    for name, count in ((SNAPSHOT, 3), (EARLIER, 1)):
        taken = Allocations(NOW, (Group((("/srv/shop/views.py", 85), ("/srv/shop/wsgi.py", 9)), 100 * count, count),))
        kept = Kept(name, NOW, "asked", taken.bytes, taken.count, 1)
        guard.store.add_allocations(ME, kept, packed(taken), most=9)
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
