"""Who may look at the endpoint and act on it, asked over HTTP of real servers, as an attacker would."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from example_apps import commands
from example_apps.servers import Servers
from memguard.commands import ACTIONS
from memguard.dashboard.access import FORWARDING
from memguard.dashboard.api import openapi
from memguard.dashboard.guessing import GUESSES
from memguard.dashboard.login import ATTEMPTS
from memguard.dashboard.messages import BODY_LIMIT, SECURITY
from memguard.evidence import Holder, Link, Pattern, TypeCount
from memguard.evidence import Site as Line
from memguard.model import Judgement, Operation
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from tests.live.live import TOKEN, Web, eventually, web_server
from tests.live.planted import EVIL, SECRET
from tests.live.raw import Raw, exchange, send
from tests.unit.telling import finding, told

BASE = "/_memguard"
BEARER = ("Authorization", f"Bearer {TOKEN}")
JSON = ("Content-Type", "application/json")
OURS = ("X-Memguard", "1")
ORDER = json.dumps({"action": "collect", "workers": "all"}).encode()
APPS: dict[str, Callable[[int], list[str]]] = {
    "flask-gunicorn": lambda port: commands.gunicorn(
        commands.FLASK, port, "--worker-class", "gthread", "--threads", "4"
    ),
    "django-gunicorn": lambda port: commands.gunicorn(commands.DJANGO_WSGI, port, workers=1),
    "fastapi-uvicorn": lambda port: commands.uvicorn(commands.FASTAPI, port),
}
PATHS = [
    BASE, f"{BASE}/", f"{BASE}/login", f"{BASE}/operations", f"{BASE}/units", f"{BASE}/nothing", f"{BASE}/static/base.css",
    f"{BASE}/static/nothing", f"{BASE}/static/../api/report", *(f"{BASE}{path}" for path in openapi()["paths"]),
    f"{BASE}/api/findings/00112233aabbccdd/issue", f"{BASE}/api/commands/", f"{BASE}//api/report", f"{BASE}/%61pi/report",
]  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A running server with memguard in it."""

    web: Web

    def ask(
        self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"", host: str | None = None
    ) -> Raw:
        """Ask it for something, without the token unless it is among the headers."""
        return send(self.web.port, method, path, headers, body, host=host)

    def order(self, *headers: tuple[str, str], body: bytes = ORDER) -> Raw:
        """Give it a command."""
        return self.ask(f"{BASE}/api/commands", *headers, method="POST", body=body)

    def unknown(self, method: str = "GET", body: bytes = b"", *headers: tuple[str, str]) -> Raw:
        """Return its own answer for a path that it does not know."""
        return self.ask("/no-such-path", *headers, method=method, body=body)


def running(servers: Servers, directory: Path, app: str, **environ: str) -> Iterator[Site]:
    """Run a server until the test is over."""
    with web_server(servers, directory, APPS[app], **environ) as web:
        yield Site(web)


@pytest.fixture(scope="module", params=APPS)
def closed(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A server without a token, not in debug mode: the way one is deployed by somebody who has read nothing."""
    yield from running(servers, tmp_path_factory.mktemp("closed"), request.param, MEMGUARD_TOKEN="")


@pytest.fixture(scope="module", params=APPS)
def guarded(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A server with a token."""
    yield from running(servers, tmp_path_factory.mktemp("guarded"), request.param)


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server with a token and two workers, which have told something."""
    directory = tmp_path_factory.mktemp("site")
    with web_server(servers, directory, APPS["flask-gunicorn"]) as web:
        web.worker_pids(2)
        eventually(lambda: len(web.report()["workers"]) == 2, "the first word of both workers")
        yield Site(web)


SMUGGLED = [
    ("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1;host=localhost;proto=https"), ("X-Real-IP", "127.0.0.1"),
    ("X-Forwarded-Host", "localhost"), ("X-Forwarded-Proto", "https"), ("X-Original-URL", BASE), ("X-Rewrite-URL", BASE),
    ("X_Forwarded_For", "127.0.0.1"), ("X-HTTP-Method-Override", "GET"), ("X-Memguard", "1"), ("Authorization", "Bearer"),
    ("Authorization", "Bearer "), ("Authorization", "Basic Og=="), ("Cookie", "memguard_session="), ("Host", "localhost"),
    ("X-Forwarded-Prefix", BASE), ("Client-IP", "127.0.0.1"), ("Via", "1.1 localhost"), ("Sec-Fetch-Site", "same-origin"),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_without_a_token_there_is_nothing(closed: Site, method: str) -> None:
    """Every path of the endpoint has the application's own answer for one that it does not know, byte for byte."""
    body = ORDER if method in {"POST", "PUT"} else b""
    unknown = closed.unknown(method, body, JSON)

    for path in PATHS:
        assert closed.ask(path, JSON, method=method, body=body) == unknown, path


def test_no_header_opens_what_is_closed(closed: Site) -> None:
    """Neither one by which a proxy speaks of an address, nor one by which somebody speaks for a proxy."""
    for path in (BASE, f"{BASE}/api/report", f"{BASE}/api/commands"):
        for header in SMUGGLED:
            assert closed.ask(path, header) == closed.unknown("GET", b"", header), (path, header)
        assert closed.ask(path, *SMUGGLED[:6]) == closed.unknown("GET", b"", *SMUGGLED[:6])


WRONG = [
    "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), f" {TOKEN} x", f"{TOKEN}, {TOKEN}", "\x00", "x" * 3000, quote(TOKEN + "%"),
]  # fmt: skip


def test_a_wrong_token_is_no_token(guarded: Site) -> None:
    """Whatever is like it: the application answers as for any other path that it does not know."""
    for wrong in WRONG:
        for header in (
            ("Authorization", f"Bearer {wrong}"),
            ("Cookie", f"memguard_session={wrong}"),
            ("X-Token", wrong),
        ):
            for path in (BASE, f"{BASE}/api/report", f"{BASE}/api/openapi.json"):
                assert guarded.ask(path, header) == guarded.unknown("GET", b"", header), (path, header)
    assert guarded.ask(f"{BASE}/api/report?token={TOKEN}").status == 404
    assert guarded.order(OURS, JSON) == guarded.unknown("POST", ORDER, OURS, JSON)


def test_who_guesses_bearer_tokens_is_heard_no_more(servers: Servers, tmp_path: Path) -> None:
    """Not even with the right one, until some minutes have passed; who has signed in stays so."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    with web_server(servers, tmp_path, APPS["fastapi-uvicorn"]) as web:
        guarded = Site(web)
        signed_in = guarded.ask(f"{BASE}/login", form, method="POST", body=f"token={TOKEN}".encode())
        cookie = ("Cookie", signed_in.header("set-cookie").partition(";")[0])
        old = ("Authorization", "Bearer the-token-of-last-year")
        for _ in range(GUESSES.of_one + 1):
            assert guarded.ask(f"{BASE}/api/report", old).status == 404
        assert guarded.ask(f"{BASE}/api/report", BEARER).status == 200, "one that is wrong again and again is one guess"
        for number in range(GUESSES.of_one - 1):
            assert guarded.ask(f"{BASE}/api/report", ("Authorization", f"Bearer guess-{number}")).status == 404
        assert guarded.ask(f"{BASE}/api/report", BEARER) == guarded.unknown("GET", b"", BEARER)
        assert guarded.ask(f"{BASE}/api/report", cookie).status == 200
        assert "too many wrong tokens from 127.0.0.1" in web.server.log.read_text()


def test_the_right_token_opens_it(guarded: Site) -> None:
    """As a bearer token, and every answer says what a browser may do with it."""
    for path in (
        BASE,
        f"{BASE}/operations",
        f"{BASE}/api/report",
        f"{BASE}/api/openapi.json",
        f"{BASE}/static/base.css",
    ):
        answer = guarded.ask(path, BEARER)
        assert answer.status == 200, path
        for name, value in SECURITY:
            assert answer.header(name.lower()) == value, (path, name)
    policy = guarded.ask(BASE, BEARER).header("content-security-policy")
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_a_page_of_another_site_gets_nothing(guarded: Site) -> None:
    """Even where it makes the browser of somebody who is signed in ask."""
    for path in (BASE, f"{BASE}/api/report", f"{BASE}/login", f"{BASE}/static/base.css"):
        header = ("Sec-Fetch-Site", "cross-site")
        assert guarded.ask(path, BEARER, header) == guarded.unknown("GET", b"", BEARER, header), path


def signed_in(site: Site, *headers: tuple[str, str]) -> Raw:
    """Log in, and return the answer."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    return site.ask(f"{BASE}/login", form, *headers, method="POST", body=f"token={TOKEN}".encode())


def test_a_session_is_a_cookie_that_only_this_site_uses(guarded: Site) -> None:
    """Scripts cannot read it, other sites cannot send it, and over TLS it goes over TLS only; the token is not in it."""
    cookie = signed_in(guarded).header("set-cookie")
    over_tls = signed_in(guarded, ("X-Forwarded-Proto", "https")).header("set-cookie")
    attributes = {part.strip() for part in cookie.split(";")[1:]}

    assert {"HttpOnly", "SameSite=Strict", f"Path={BASE}"} <= attributes
    assert "Secure" not in attributes
    assert "; Secure" in over_tls
    assert TOKEN not in cookie
    session = cookie.partition(";")[0]
    assert guarded.ask(f"{BASE}/api/report", ("Cookie", session)).status == 200
    for forged in (
        session[:-1],
        f"{session}0",
        re.sub(r"=(\d)", "=9\\1", session),
        session.replace("=", "=1"),
        "memguard_session=1.0",
    ):
        assert guarded.ask(f"{BASE}/api/report", ("Cookie", forged)).status == 404, forged


def test_commands_are_only_taken_from_the_page_itself(site: Site) -> None:
    """Whatever a form or a script of another site can make a signed-in browser send is refused, and nothing is done."""
    cookie = ("Cookie", signed_in(site).header("set-cookie").partition(";")[0])
    own = (("Origin", f"http://127.0.0.1:{site.web.port}"), ("Sec-Fetch-Site", "same-origin"))
    before = len(json.loads(site.ask(f"{BASE}/api/commands", BEARER).body)["commands"])
    refused = {
        "no header": (cookie, JSON, *own),
        "a form": (cookie, OURS, ("Content-Type", "application/x-www-form-urlencoded"), *own),
        "text": (cookie, OURS, ("Content-Type", "text/plain"), *own),
        "another origin": (cookie, OURS, JSON, ("Origin", "https://evil.example")),
        "no origin": (cookie, OURS, JSON, ("Origin", "null")),
        "another site": (cookie, OURS, JSON, ("Sec-Fetch-Site", "same-site")),
        "a look-alike": (cookie, OURS, JSON, ("Origin", f"http://127.0.0.1:{site.web.port}.evil.example")),
    }
    for name, headers in refused.items():
        assert site.order(*headers).status in {403, 415}, name
    assert site.order(cookie, OURS, JSON, ("Sec-Fetch-Site", "cross-site")).status == 404
    for method in ("GET", "HEAD"):
        assert site.ask(f"{BASE}/api/commands?action=collect&workers=all", cookie, OURS, method=method).status == 400
    assert len(json.loads(site.ask(f"{BASE}/api/commands", BEARER).body)["commands"]) == before

    taken = site.order(cookie, OURS, JSON, *own)
    assert taken.status == 202
    assert len(json.loads(taken.body)["commands"]) == 2


def test_every_action_is_carried_out_by_real_workers(site: Site) -> None:
    """Each worker takes up what it is asked to, and says what it gave, or why it could not."""
    particulars: dict[str, dict[str, object]] = {"trace": {"seconds": 1}, "inspect": {"way": "cycles"}}
    for action in ACTIONS:
        if action in {"recycle", "lines"}:
            continue  # a worker that leaves, and units that are followed, are tests of their own
        more = particulars.get(action, {})
        body = json.dumps({"action": action, "workers": "all", **more}).encode()
        names = {each["id"] for each in json.loads(site.order(BEARER, OURS, JSON, body=body).body)["commands"]}
        assert len(names) == 2

        def answered(names: set[str] = names) -> list[dict[str, Any]] | None:
            rows = json.loads(site.ask(f"{BASE}/api/commands", BEARER).body)["commands"]
            mine = [row for row in rows if row["id"] in names]
            return mine if all(row["state"] in {"done", "failed", "expired"} for row in mine) else None

        for row in eventually(answered, f"both workers to {action}"):
            assert row["state"] == "done", row
            assert row["result"]["rss_before_bytes"] > 1_000_000
            assert row["result"]["message"]
    taken = json.loads(site.ask(f"{BASE}/api/objects", BEARER).body)["workers"]
    assert len(taken) == 2
    assert all(each["objects"] > 10_000 and each["types"] for each in taken)


TRAVERSALS = [
    "../../settings.py", "..%2f..%2fsettings.py", "%2e%2e/%2e%2e/__init__.py", "..\\..\\__init__.py", "....//....//x", "/etc/passwd",
    "//etc/passwd", "%00", "base.css%00.txt", "base.css/../../../access.py", "base.css/", ".", "..", "../openapi.json", "C:/x",
    "file:///etc/passwd", "%252e%252e/access.py", "base.CSS", "\u2025/x",
]  # fmt: skip


def test_assets_are_known_by_name(guarded: Site) -> None:
    """Nothing is looked up that a client named: all but the page's own files are not there."""
    for tail in TRAVERSALS:
        answer = guarded.ask(f"{BASE}/static/{tail}", BEARER)
        assert answer.status in {400, 404}, tail
        assert b"import" not in answer.body, tail
        assert b"root:" not in answer.body, tail


def test_bodies_that_are_too_long_or_broken_are_refused(guarded: Site) -> None:
    """With a status of HTTP and one sentence; the server goes on."""
    long = b"x" * (BODY_LIMIT + 10)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    assert guarded.ask(f"{BASE}/login", form, method="POST", body=long).status == 413
    assert guarded.order(BEARER, OURS, JSON, body=long).status == 413
    for body in (b"", b"{", b"\xff\xfe", b"null", b"[]", b'"x"', b"[" * 50_000, b'{"action": "collect", "workers": "all", "x": 1}',
                 b'{"action": "trace", "workers": "all", "seconds": 1e400}', b"\x00" * 100):  # fmt: skip
        answer = guarded.order(BEARER, OURS, JSON, body=body)
        assert answer.status == 400, body[:60]
        assert set(json.loads(answer.body)) == {"error"}
    for body in (b"", b"token", b"token=%ff%fe", b"\xff" * 99, b"&" * 9999, b"token=" + b"x" * 60_000):
        assert guarded.ask(f"{BASE}/login", form, method="POST", body=body).status in {401, 429}, body[:60]
    assert guarded.ask(f"{BASE}/api/report", BEARER).status == 200


def test_requests_that_are_no_http_leave_it_standing(guarded: Site) -> None:
    """What its server lets through is answered; the endpoint answers afterwards as before."""
    port = guarded.web.port
    head = f"POST {BASE}/api/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nX-Memguard: 1\r\n"
    for sent in (
        f"{head}Content-Type: application/json\r\nContent-Length: 5\r\n\r\n{{}}\r\n\r\n",
        f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"{head}Content-Type: application/json\r\nContent-Length: -1\r\n\r\n",
        f"{head}Content-Type: application/json\r\nContent-Length: nine\r\n\r\n{{}}",
        f"GET {BASE}/api/report HTTP/1.0\r\n\r\n",
        f"GET {BASE}/\x7f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET {BASE}?{'x' * 3000} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
    ):
        closing = (
            sent.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n", 1) if "Connection" not in sent else sent
        )
        answer = exchange(port, closing.encode("latin-1"))
        assert answer.status != 500, sent[:200]
        assert b"Traceback" not in answer.body
    assert guarded.ask(f"{BASE}/api/report", BEARER).status == 200


def test_logins_are_limited_over_all_workers(servers: Servers, tmp_path: Path) -> None:
    """Whichever worker is asked: after ten wrong tokens from one address even the right one has to wait."""
    for made in running(servers, tmp_path, "flask-gunicorn"):
        pids = made.web.worker_pids(2)
        form = ("Content-Type", "application/x-www-form-urlencoded")
        tries = [made.ask(f"{BASE}/login", form, method="POST", body=b"token=wrong").status for _ in range(40)]
        after = signed_in(made)

        assert len(pids) == 2
        assert tries == [401] * ATTEMPTS.of_one + [429] * (40 - ATTEMPTS.of_one)
        assert (after.status, after.header("retry-after")) == (429, "300")
        assert made.ask(f"{BASE}/api/report", BEARER).status == 200


class Markup(HTMLParser):
    """Collects what of a page a browser would run or load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.loaded += [
            value or "" for name, value in attrs if name in {"src", "href", "action", "formaction", "srcset"}
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def debugging(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server in debug mode without a token, whose names are markup and whose values are secrets."""
    directory = tmp_path_factory.mktemp("debugging")

    def command(port: int) -> list[str]:
        return commands.uvicorn("tests.live.planted:app", port)

    with web_server(servers, directory, command, MEMGUARD_TOKEN="", MEMGUARD_MODE="trace") as web:
        made = Site(web)
        for number in range(30):
            assert made.ask(f"/{quote(EVIL)}/{number}").text == SECRET
        yield made


def test_a_debugging_developer_may_look(debugging: Site) -> None:
    """On the same machine, under its own name, with no proxy between; everyone else sees nothing of it."""
    assert debugging.ask(BASE).status == 200
    assert debugging.ask(BASE, host="localhost").status == 200
    for name in sorted(FORWARDING | {"x-forwarded-for"}):
        assert debugging.ask(BASE, (name, "127.0.0.1")).status == 404, name
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::2]"):
        assert debugging.ask(BASE, host=host or " ").status in {400, 404}, host
    assert debugging.ask(f"{BASE}/login").status == 404
    refused = debugging.order(OURS, JSON)
    assert refused.status == 403
    assert "MEMGUARD_TOKEN" in refused.text


SCREENS = [
    "",
    "/operations",
    "/units",
    "/findings/00112233aabbccdd",
    f"/operations?q={quote(EVIL)}",
    f"/units?operation={quote(EVIL)}",
]


def test_names_are_text_and_values_stay_inside(debugging: Site) -> None:
    """Operations, types, files and holders whose names are markup are shown as text; no value of the host is shown."""
    store = SqliteStore(Database(str(debugging.web.store)), "live")
    planted = json.loads(json.dumps(EVIL))
    store.flush(
        told(
            findings=(
                replace(
                    finding(),
                    judgement=Judgement(Operation("request", planted), "leak", (planted,), 1.0, 1.0, 1.0),
                    sites=(Line(planted, 1, planted, planted, 1, 1),),
                    types=(TypeCount(planted, 1),),
                    holder=Holder(planted, planted, "module", (Link(planted, planted, 1, grows=True),), 1, 1.0),
                    pattern=Pattern("unknown", planted, planted),
                    attribution=planted,
                ),
            ),
            at=2_000_000_000.0,
        )
    )
    store.close()
    eventually(
        lambda: EVIL in debugging.ask(f"{BASE}/api/units").text, "the units of the operation whose name is markup"
    )

    for screen in SCREENS:
        answer = debugging.ask(f"{BASE}{screen}")
        page = Markup(answer.text)
        assert answer.status == 200, screen
        assert not page.handlers, (screen, page.handlers)
        assert not {"iframe", "object", "embed", "base"} & set(page.tags), screen
        assert (page.tags.count("script") <= 1, page.tags.count("img") <= 1) == (True, True), "its own, no other"
        assert all(each.startswith((BASE, "#", "?")) or each == "" for each in page.loaded), (screen, page.loaded)
        assert SECRET not in answer.text, screen
    assert EVIL in Markup(debugging.ask(f"{BASE}/operations").text).text
    for path in (
        "report",
        "units",
        "timeline",
        "objects",
        "findings/00112233aabbccdd/issue",
        "findings/00112233aabbccdd/reproduction",
    ):
        answer = debugging.ask(f"{BASE}/api/{path}")
        assert answer.status == 200, path
        assert SECRET not in answer.text, path
        assert not answer.header("content-type").startswith("text/html"), path
