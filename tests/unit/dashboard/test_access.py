import hmac
import time
from dataclasses import replace
from typing import Any

import pytest

from memguard.dashboard import BODY_LIMIT, admits, concerns
from memguard.dashboard.access import COOKIE, FORWARDING, SESSION_SECONDS, session_cookie
from tests.unit.dashboard.asking import TOKEN, asked, header, request, settings, with_token

OPEN = settings(token=None)


def host(name: str) -> dict[str, str]:
    """Return headers with that host."""
    return {"host": name}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/_memguard", True), ("/_memguard/", True), ("/_memguard/api/report", True), ("/_memguard/../x", True),
        ("/_memguards", False), ("/_memguar", False), ("/", False), ("", False), ("//_memguard", False),
        ("/x/_memguard", False), ("/_MEMGUARD", False), ("/_memguard?x", False),
    ],
)  # fmt: skip
def test_the_endpoint_is_its_path_and_what_lies_below(path: str, expected: bool) -> None:
    """Any other path is the host's, however alike it looks."""
    assert concerns(path, settings()) is expected


def test_an_endpoint_that_is_off_concerns_nothing() -> None:
    """With `endpoint=None` every path is the host's."""
    closed = settings(endpoint=None)

    assert not concerns("/_memguard", closed)
    assert not concerns("", closed)
    assert not admits(with_token(), closed)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"])
@pytest.mark.parametrize(
    "name", ["localhost", "localhost:8000", "127.0.0.1:5000", "[::1]:8000", "app.localhost", "LOCALHOST"]
)
def test_a_developer_on_the_same_machine_sees_it_in_debug_mode(peer: str, name: str) -> None:
    """Without a token it takes debug mode, a loopback peer and a loopback host name."""
    sent = request(peer=peer, headers=host(name))

    assert admits(sent, OPEN)
    assert not admits(request(peer=peer, headers=host(name), debug=False), OPEN)


@pytest.mark.parametrize(
    "peer",
    [None, "", "192.168.1.7", "10.0.0.1", "203.0.113.9", "::ffff:10.0.0.1", "::2", "fe80::1", "localhost", "unix:",
     "127.0.0.1, 10.0.0.1", "127.0.0.1:80", "0.0.0.0", "127.1", "0x7f000001", "\u0661\u0662\u0667.0.0.1", "\udcff",
     "testclient"],
)  # fmt: skip
def test_everyone_else_does_not(peer: str | None) -> None:
    """An address that is not loopback, none at all, or one that cannot be read."""
    assert not admits(request(peer=peer), OPEN)


@pytest.mark.parametrize(
    "name",
    ["", "shop.example", "127.0.0.1.shop.example", "localhost.shop.example", "evil@localhost", "localhost, shop.example",
     "localhost:x", "[::1", "::1", "0.0.0.0:8000", "192.168.1.7:8000", "[::2]", "notlocalhost", "localhost\n", "\udcff",
     "local\u017fost"],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_does_not(name: str) -> None:
    """DNS rebinding: the page of another site reaches this machine under that site's name."""
    assert not admits(request(headers=host(name)), OPEN)


def test_a_request_without_a_host_does_not() -> None:
    """An HTTP/1.0 client sends none, a browser always does."""
    assert not admits(request(headers={}), OPEN)


@pytest.mark.parametrize(
    "name", [*sorted(FORWARDING), "x-forwarded-for", "x-forwarded-host", "x-forwarded", "x-forwarded-xyz"]
)
def test_behind_a_proxy_it_is_closed(name: str) -> None:
    """There every visitor is a loopback peer; even an empty header gives the proxy away."""
    assert not admits(request(headers={**host("localhost"), name: ""}), OPEN)


@pytest.mark.parametrize("of", ["token", "no token"])
def test_another_sites_page_may_not_even_ask(of: str) -> None:
    """A browser says where a request was made; another site's is refused, with the token too."""
    sent, using = (with_token, settings()) if of == "token" else (request, OPEN)
    for where, expected in (("cross-site", False), ("same-origin", True), ("none", True)):
        assert admits(sent(headers={**host("localhost"), "sec-fetch-site": where}), using) is expected


def test_with_a_token_debug_mode_opens_nothing() -> None:
    """A developer on the same machine shows it like anyone else."""
    for path in ("/_memguard", "/_memguard/", "/_memguard/api/report", "/_memguard/nothing"):
        assert not admits(request(path), settings())
        assert admits(with_token(path), settings())


def test_with_a_token_a_proxy_may_stand_between() -> None:
    """The token says who it is; where the request came from does not matter."""
    assert admits(with_token(headers={"x-forwarded-for": "198.51.100.4"}, peer=None), settings())


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer{TOKEN}",
     f"Bearer {TOKEN.upper()}", "Bearer \u00e9\u00e8", "Bearer \udcff\udcfe", "Bearer \x00", f"Bearer {TOKEN}\u00a0\u200b",
     f"Bearer {'x' * 1_000_000}"],
)  # fmt: skip
def test_a_wrong_token_is_no_token(shown: str) -> None:
    """Whatever the header holds, it is compared as it is, and nothing is raised."""
    assert not admits(with_token(headers={"authorization": shown}), settings())


@pytest.mark.parametrize("shown", [f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN} "])
def test_the_schemes_case_and_spaces_do_not_matter(shown: str) -> None:
    """HTTP says so."""
    assert admits(with_token(headers={"authorization": shown}), settings())


def test_the_form_and_its_style_are_open_only_with_a_token() -> None:
    """Who is to sign in must see the form; without a token there is nothing to sign in to."""
    stranger: dict[str, Any] = {"peer": "203.0.113.9", "debug": False}
    for path in ("/_memguard/login", "/_memguard/static/page.css"):
        assert admits(request(path, **stranger), settings())
        assert not admits(request(path, **stranger), OPEN)


def login(body: bytes, **changed: object) -> tuple[int, str, str]:
    """Return status, cookie and target of a login."""
    answer = asked(request("/_memguard/login", "POST", body=body, **changed))
    return answer.status, header(answer, "Set-Cookie"), header(answer, "Location")


def test_the_right_token_opens_a_session() -> None:
    """The cookie is for the endpoint alone, hidden from scripts and from other sites, and does not hold the token."""
    status, cookie, target = login(b"token=" + TOKEN.encode())
    value, *attributes = cookie.split("; ")

    assert (status, target) == (303, "/_memguard")
    assert value.startswith(f"{COOKIE}=")
    assert TOKEN not in cookie
    assert attributes == [f"Max-Age={SESSION_SECONDS}", "Path=/_memguard", "HttpOnly", "SameSite=Strict"]
    assert admits(request(headers={"cookie": f"a=b; {value}; c"}, debug=False, peer=None), settings())


@pytest.mark.parametrize(
    ("sent", "secure"),
    [
        ({"scheme": "https"}, True),
        ({"headers": {"x-forwarded-proto": "https"}}, True),
        ({"headers": {"x-forwarded-proto": "HTTPS, http"}}, True),
        ({"headers": {"x-forwarded-proto": "https,http,http"}}, True),
        ({"headers": {"x-forwarded-ssl": "on"}}, True),
        ({"headers": {"forwarded": "for=192.0.2.60;proto=https;by=203.0.113.43"}}, True),
        ({"headers": {"forwarded": 'proto="https", for=10.0.0.1;proto=http'}}, True),
        ({"headers": {"forwarded": "for=192.0.2.60; Proto=HTTPS"}}, True),
        ({}, False),
        ({"headers": {"x-forwarded-proto": "http, https"}}, False),
        ({"headers": {"x-forwarded-ssl": "off"}}, False),
        ({"headers": {"forwarded": "for=192.0.2.60;proto=http, for=10.0.0.1;proto=https"}}, False),
        ({"headers": {"forwarded": "host=proto=https.example"}}, False),
        ({"headers": {"forwarded": "for=x;noproto=https"}}, False),
    ],
)
def test_over_https_the_cookie_stays_there(sent: dict[str, Any], secure: bool) -> None:
    """Also where a proxy in front ends the encryption, as far as it says so; of several the one that the browser sees."""
    assert ("; Secure" in login(b"token=" + TOKEN.encode(), **sent)[1]) is secure


def test_below_a_root_the_session_is_for_that_root() -> None:
    """Two applications of one host, even with one token, have sessions of their own; no header can be smuggled in."""
    status, cookie, target = login(b"token=" + TOKEN.encode(), root="/my shop;\r\nX: y")
    value = cookie.split("; ")[0]

    assert (status, target) == (303, "/my%20shop%3B%0D%0AX%3A%20y/_memguard")
    assert f"Path={target}; " in cookie
    assert admits(request(headers={"cookie": value}, root="/my shop;\r\nX: y"), settings())
    assert not admits(request(headers={"cookie": value}, root="/other"), settings())


def test_a_root_is_never_read_as_another_host() -> None:
    """A path that begins with two slashes would lead to one."""
    assert login(b"token=" + TOKEN.encode(), root="//evil.example")[2] == "/evil.example/_memguard"


@pytest.mark.parametrize(
    "body",
    [b"", b"token=", b"token=wrong", b"tok\xff=\xfe", b"token=%ff%fe", b"a=1&b=2&c=3&d=4&e=5&token=" + TOKEN.encode(),
     b'{"token": "' + TOKEN.encode() + b'"}', b"\x00" * 100, b"token=" + b"x" * 4000],
)  # fmt: skip
def test_a_wrong_token_brings_the_form_again(body: bytes) -> None:
    """With a status that says so, and no cookie."""
    answer = asked(request("/_memguard/login", "POST", body=body))

    assert answer.status == 401
    assert b"That is not the token." in answer.body
    assert header(answer, "Set-Cookie") == ""


def test_a_body_that_is_too_long_is_refused() -> None:
    """An adapter reads one byte more than the limit to tell."""
    assert asked(request("/_memguard/login", "POST", body=b"x" * (BODY_LIMIT + 1))).status == 413


def cookie_at(now: float, token: str = TOKEN) -> str:
    """Return a session's cookie as it was set at a moment."""
    return session_cookie(request(), settings(token=token), now=now)[1].split(";")[0]


def test_a_session_ends() -> None:
    """After its time, and when the token changes."""
    now = time.time()
    for cookie, expected in (
        (cookie_at(now), True),
        (cookie_at(now - SESSION_SECONDS + 60), True),
        (cookie_at(now - SESSION_SECONDS - 1), False),
        (cookie_at(now + 3600), False),
        (cookie_at(now, token="another-token"), False),
    ):
        assert admits(request(headers={"cookie": cookie}), settings()) is expected


def test_a_session_cannot_be_made_up_or_prolonged() -> None:
    """Only what the token signed counts, however the cookie looks."""
    good = cookie_at(time.time())
    name, value = good.split("=")
    expiry, signature = value.split(".")
    for bad in (
        "", name, f"{name}=", f"{name}=.", f"{name}={expiry}.", f"{name}={int(expiry) + 9}.{signature}",
        f"{name}={expiry}.{signature[:-1]}0x", f"{name}={expiry}.{'0' * 64}", f"{name}={'9' * 5000}.{signature}",
        f"{name}=\u0661.{signature}", f"{name}={expiry}.\udcff", f"other={value}", f"{good}.", f"{name}={TOKEN}",
    ):  # fmt: skip
        assert not admits(request(headers={"cookie": bad}), settings()), bad


def test_a_cookie_of_the_same_name_from_elsewhere_does_not_lock_out() -> None:
    """An application on the same host may set one; ours is looked for among a few of them."""
    good, junk = cookie_at(time.time()), f"{COOKIE}=junk"

    assert admits(request(headers={"cookie": f"{junk}; {good}"}), settings())
    assert not admits(request(headers={"cookie": f"{junk}; " * 1000 + good}), settings())


@pytest.mark.parametrize("shown", [TOKEN, TOKEN[:-1], "x", "", "\udcff", TOKEN + "x" * 5000])
def test_a_token_is_compared_in_constant_time(shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever measures how long a refusal takes learns nothing: what is secret is compared by one function only.

    That is `hmac.compare_digest`, on the whole of both, and neither is compared in any other way before or after.
    """
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return real(first, second)

    class Untouchable(str):
        """A token that can be encoded, and not be compared."""

        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared without care")

        __hash__ = str.__hash__

    monkeypatch.setattr("hmac.compare_digest", compare)
    using = replace(settings(), token=Untouchable(TOKEN))
    sent = with_token(headers={"authorization": f"Bearer {shown}", "host": "shop.example"})

    assert admits(sent, using) is (shown == TOKEN)
    assert (shown.encode("utf-8", "surrogatepass"), TOKEN.encode()) in compared
