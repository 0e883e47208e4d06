import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as any_

from memguard.dashboard import Response, admits, respond
from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import Judgement, Operation
from tests.unit.dashboard.asking import TOKEN, Teller, asked, header, request, settings, with_token
from tests.unit.telling import ME, event, finding, stats, told, unit, worker

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types memguard"
)
EVERY_PATH = (
    "/_memguard", "/_memguard/", "/_memguard/login", "/_memguard/static/base.css", "/_memguard/static/main.js",
    "/_memguard/static/icon.svg", "/_memguard/api/report", "/_memguard/api/timeline", "/_memguard/api/units",
    "/_memguard/nothing", "/_memguard/api", "/_memguard/api/", "/_memguard/static/nothing",
    "/_memguard/api/findings/ff/reproduction",
)  # fmt: skip


def kind(response: Response) -> str:
    """Return the content's type."""
    return header(response, "Content-Type")


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_every_answer_guards_itself(path: str, method: str) -> None:
    """No script, style or frame of another place, no guessing of types, no trace in caches and searches."""
    answer = asked(with_token(path, method))

    assert header(answer, "Content-Security-Policy") == POLICY
    assert header(answer, "X-Content-Type-Options") == "nosniff"
    assert header(answer, "X-Frame-Options") == "DENY"
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "X-Robots-Tag") == "noindex, nofollow"
    assert header(answer, "Cache-Control") == "no-store"


@pytest.mark.parametrize("path", EVERY_PATH)
def test_head_is_get_without_a_body(path: str) -> None:
    """The same status and headers, the length of what is not sent among them."""
    get, head = asked(with_token(path)), asked(with_token(path, "HEAD"))

    assert head.body == b""
    assert header(get, "Content-Length") == str(len(get.body))
    assert head.status == get.status
    names = [name for name, _ in get.headers]
    assert [name for name, _ in head.headers] == names
    assert kind(head) == kind(get)


def test_the_right_kind_of_thing_is_where_it_should_be() -> None:
    """The page, its assets and the JSON, each with its type."""
    found = {path: asked(with_token(path)) for path in EVERY_PATH}

    assert {path: answer.status for path, answer in found.items() if answer.status != 200} == {
        "/_memguard/nothing": 404,
        "/_memguard/api": 404,
        "/_memguard/api/": 404,
        "/_memguard/static/nothing": 404,
        "/_memguard/api/findings/ff/reproduction": 404,
    }
    assert kind(found["/_memguard"]) == kind(found["/_memguard/"]) == "text/html; charset=utf-8"
    assert kind(found["/_memguard/static/base.css"]) == "text/css; charset=utf-8"
    assert kind(found["/_memguard/static/main.js"]) == "text/javascript; charset=utf-8"
    assert kind(found["/_memguard/static/icon.svg"]) == "image/svg+xml"
    assert kind(found["/_memguard/api/report"]) == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "", "GET\r\nX: y", "\udcff"])
def test_other_methods_are_not_allowed(method: str) -> None:
    """Nothing here can be changed."""
    for path in ("/_memguard", "/_memguard/api/report", "/_memguard/nothing"):
        answer = asked(with_token(path, method))
        assert (answer.status, header(answer, "Allow")) == (405, "GET, HEAD")


def test_the_login_takes_a_form() -> None:
    """There POST is allowed, and only where there is a token; without one the path is as unknown as any."""
    assert header(asked(with_token("/_memguard/login", "DELETE")), "Allow") == "GET, HEAD, POST"
    without = settings(token=None)
    assert asked(request("/_memguard/login"), using=without).status == 404
    assert asked(request("/_memguard/login", "POST"), using=without).status == 405


def test_this_workers_last_second_is_in_the_report() -> None:
    """The worker that answers writes its own state first."""
    for path in ("/_memguard", "/_memguard/api/report", "/_memguard/api/timeline", "/_memguard/api/units"):
        guard = Teller()
        asked(with_token(path), guard)
        assert guard.flushes == 1


def test_assets_are_addressed_by_their_content() -> None:
    """A browser that kept those of an older version asks for the new ones; what a script imports, too."""
    body = asked(with_token(root="/shop")).body.decode()
    (styles,) = re.findall('<link rel="stylesheet" href="/shop(/_memguard/static/[0-9a-f]{12}/base.css)">', body)
    (script,) = re.findall('<script src="/shop(/_memguard/static/[0-9a-f]{12}/main.js)" type="module">', body)

    for path in (
        styles,
        script,
        script.replace("main.js", "live.js"),
        script.replace("main.js", "vendor/uplot/uPlot.esm.js"),
    ):
        answer = asked(with_token(path))
        assert (answer.status, header(answer, "Cache-Control")) == (200, "private, max-age=86400")


def test_assets_of_another_version_are_not_kept() -> None:
    """During a rolling deploy the page may come from one version and its files from another."""
    answer = asked(with_token("/_memguard/static/0123456789ab/main.js"))

    assert (answer.status, header(answer, "Cache-Control")) == (200, "no-store")
    assert asked(with_token("/_memguard/static/0123456789ab/nothing.js")).status == 404


@pytest.mark.parametrize(
    "path",
    ["/_memguard/static/../access.py", "/_memguard/static/../../settings.py", "/_memguard/static//etc/passwd",
     "/_memguard/static/%2e%2e/access.py", "/_memguard/static/base.css/..", "/_memguard/static/", "/_memguard/static",
     "/_memguard/static/base.css\x00", "/_memguard/static/0123456789ab/../access.py", "/_memguard/static/vendor",
     "/_memguard/static/vendor/uplot/LICENSE", "/_memguard/findings/", "/_memguard/findings/..", "/_memguard/operations/", "/_memguard/static/..\\access.py", "/_memguard/..", "/_memguard/api/report/",
     "/_memguard/api/report\x00", "/_memguard/api//report", "/_memguard/\udcff\udcfe", "/_memguard/" + "x" * 1_000_000,
     "/_memguard/api/" + "../" * 1000, "/_memguard/\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_hostile_paths_lead_nowhere(path: str) -> None:
    """No file of the machine is looked up by a name that came from outside."""
    for method in ("GET", "HEAD"):
        answer = asked(with_token(path, method))
        assert answer.status == 404
        assert all("\n" not in value and "\r" not in value for _, value in answer.headers)


@pytest.mark.parametrize(
    "query", ["x" * 1_000_000, "&" * 1_000_000, "a=1&" * 500_000, "%" * 1_000_000, "limit=" + "9" * 1_000_000]
)
def test_a_query_of_a_megabyte_is_refused(query: str) -> None:
    """It is not even taken apart."""
    for path in ("/_memguard", "/_memguard/api/report", "/_memguard/api/units"):
        assert asked(with_token(path, query=query)).status == 400


def test_what_the_host_says_cannot_become_markup() -> None:
    """Names, paths, sources, types and notes are text on the page, whatever they hold; JSON stays JSON."""
    evil = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\" ' & \udcff \u202e \x1b[31m"
    judgement = Judgement(Operation(evil, evil), "leak", (evil,), 2.0, 2.0, 99.0)
    site = Site(evil, 3, evil, evil, 1, 1)
    accused = replace(
        finding(),
        judgement=judgement,
        sites=(site,),
        types=(TypeCount(evil, 4),),
        pattern=Pattern(evil, evil, evil),
        holder=Holder(evil, evil, "unknown", (Link(evil, evil),), 3),
        attribution=evil,
    )
    state = worker(ME, kind=evil, server=evil, mode=evil, state=evil, notes=(evil,))
    guard = Teller(
        replace(
            told(),
            worker=state,
            operations=(stats(judgement),),
            findings=(accused, finding(evil)),
            events=(event(1.0, evil, a=evil), event(2.0, "finding", name=evil, fingerprint=evil)),
            units=(replace(unit(), operation=Operation(evil, evil)),),
        )
    )
    using = settings(service="shop")
    for below in ("", "/operations", "/units", "/findings/00112233aabbccdd", "/findings/ff"):
        query = urlencode({"q": evil, "operation": evil, "sort": evil}, errors="replace")
        page = asked(with_token(f"/_memguard{below}", root="/" + evil, query=query), guard, using).body.decode()
        assert page.count("<script") == 1
        assert "<img src=x" not in page
        assert "onerror=alert(2)&gt;" in page or below == "/findings/ff"
        assert "\x1b" not in page
        assert "\u202e" not in page
    report = json.loads(asked(with_token("/_memguard/api/report"), guard, using).body)
    assert report["operations"][0]["name"].startswith("</title><script>")
    form = asked(request("/_memguard/login", root='/"><script>'), using=using).body.decode()
    assert "<script" not in form


HEADERS = any_.dictionaries(
    any_.sampled_from(["host", "authorization", "cookie", "x-forwarded-for", "sec-fetch-site", "x-forwarded-proto"]),
    any_.text(max_size=40) | any_.sampled_from([f"Bearer {TOKEN}", "localhost", "memguard_session=1.0"]),
)
TEXT = any_.text(alphabet=any_.characters(codec=None), max_size=30)


@trying(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tail=TEXT
    | any_.sampled_from(
        [
            "",
            "/",
            "/login",
            "/api/findings/00/reproduction",
            "/api/units",
            "/api/timeline",
            "/api/report",
            "/operations",
            "/units",
            "/findings/00112233aabbccdd",
            "/static/base.css",
        ]
    ),
    method=any_.sampled_from(["GET", "HEAD", "POST"]) | TEXT,
    query=TEXT
    | any_.sampled_from(["limit=1", "since=1", "operation=x", "since=2027-01-01", "limit=%ff", "q=x&sort=units"]),
    headers=HEADERS,
    peer=any_.none() | TEXT | any_.just("127.0.0.1"),
    root=TEXT,
    body=any_.binary(max_size=60),
    token=any_.sampled_from([None, TOKEN]),
    show=any_.booleans(),
)
def test_nothing_that_comes_in_raises(tail: str, show: bool, token: str | None, **sent: Any) -> None:
    """Whatever a request holds, it is admitted or not, and answered with a status of HTTP and clean headers."""
    using = settings(token=token)
    if show:
        sent["headers"] = {**sent["headers"], "authorization": f"Bearer {TOKEN}", "host": "localhost"}
    asking = request("/_memguard" + tail, **sent)
    if not admits(asking, using):
        return
    answer = respond(asking, using, Teller(told(operations=(stats(),), findings=(finding(),))))

    assert answer.status in {200, 303, 400, 401, 404, 405, 413}
    for name, value in answer.headers:
        (name + value).encode("ascii")
        assert value.isprintable()
