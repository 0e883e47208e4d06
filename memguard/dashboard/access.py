"""Who may see the endpoint. Everyone else gets the host's own answer, as for any path that does not exist.

With a token: whoever shows it, in a header or by a cookie that the login set. Without: only a developer on the same
machine, while the framework is in debug mode, and only where no proxy stands between, because behind one every
visitor is a loopback peer. A page of another site may not even ask.
"""

import hmac
import ipaddress
import re
import time
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs

from memguard.dashboard.guessing import Guesses
from memguard.dashboard.messages import Request, base_of
from memguard.settings import Settings

COOKIE = "memguard_session"
SESSION_SECONDS = 12 * 3600
COOKIES_TRIED = 4
"""Cookies of our name that are looked at: other applications of the same host name may set one of their own."""

guesses = Guesses()
"""Of bearer tokens, in this process."""

FORWARDING = frozenset({
    "cdn-loop", "cf-connecting-ip", "cf-ray", "client-ip", "fastly-client-ip", "fly-client-ip", "forwarded",
    "true-client-ip", "via", "x-arr-log-id", "x-azure-clientip", "x-client-ip", "x-cluster-client-ip",
    "x-envoy-external-address", "x-original-forwarded-for", "x-original-host", "x-originating-ip", "x-proxyuser-ip",
    "x-real-ip", "x-remote-addr", "x-remote-ip",
})  # fmt: skip
"""Headers by which a proxy gives itself away, besides all that begin with `x-forwarded`."""

_FORWARDED_TLS = re.compile(r'(?:^|;)\s*proto\s*=\s*"?https"?\s*(?:;|$)', re.IGNORECASE)
_SESSION = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def concerns(path: str, settings: Settings) -> bool:
    """Tell whether a path is the endpoint or below it."""
    endpoint = settings.endpoint
    return endpoint is not None and path.startswith(endpoint) and path[len(endpoint) : len(endpoint) + 1] in {"", "/"}


def admits(request: Request, settings: Settings) -> bool:
    """Tell whether the endpoint answers this request itself; it needs no body and never raises."""
    if not concerns(request.path, settings) or request.headers.get("sec-fetch-site") == "cross-site":
        return False
    if settings.token is None:
        return request.debug and _is_from_this_machine(request)
    endpoint = settings.endpoint or ""
    return (
        request.path == f"{endpoint}/login"
        or request.path.startswith(f"{endpoint}/static/")
        or _shows_token(request, settings.token)
        or _has_session(request, settings)
    )


def token_of_form(request: Request) -> str:
    """Return the token of a login form's body, empty where there is none."""
    try:
        fields = parse_qs(request.body.decode(), max_num_fields=4)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()


def is_token(shown: str, settings: Settings) -> bool:
    """Compare in a time that does not depend on how much is right."""
    return settings.token is not None and _same(shown, settings.token)


def session_cookie(request: Request, settings: Settings, *, now: float | None = None) -> tuple[str, str]:
    """Return the header that opens a session: a signature made with the token, never the token itself."""
    expiry = int((time.time() if now is None else now) + SESSION_SECONDS)
    secure = "; Secure" if _is_over_tls(request) else ""
    value = f"{expiry}.{_signature(expiry, request, settings)}"
    path = base_of(request, settings)
    return "Set-Cookie", f"{COOKIE}={value}; Max-Age={SESSION_SECONDS}; Path={path}; HttpOnly; SameSite=Strict{secure}"


def _is_over_tls(request: Request) -> bool:
    """Tell whether the browser speaks TLS, to this server or to the outermost proxy: the first of those in a list.

    Who lies in these headers does so about a session of their own.
    """
    headers = request.headers
    first = {name: headers.get(name, "").partition(",")[0].strip() for name in ("x-forwarded-proto", "forwarded")}
    return (
        request.scheme == "https"
        or first["x-forwarded-proto"].lower() == "https"
        or _FORWARDED_TLS.search(first["forwarded"]) is not None
        or headers.get("x-forwarded-ssl", "").strip().lower() == "on"
    )


def _has_session(request: Request, settings: Settings) -> bool:
    now = time.time()
    ours = [value.strip() for name, _, value in _cookies(request.headers) if name.strip() == COOKIE]
    for value in ours[:COOKIES_TRIED]:
        match = _SESSION.fullmatch(value)
        if match and _same(match[2], _signature(int(match[1]), request, settings)):
            return now < int(match[1]) <= now + SESSION_SECONDS
    return False


def _cookies(headers: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in headers.get("cookie", "").split(";")]


def _signature(expiry: int, request: Request, settings: Settings) -> str:
    said = f"memguard session {expiry} {base_of(request, settings)}"
    return hmac.new((settings.token or "").encode(), said.encode(), sha256).hexdigest()


def _shows_token(request: Request, token: str) -> bool:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or guesses.are_too_many(request.peer):
        return False
    is_right = _same(shown.strip(), token)
    guesses.note(request.peer, shown, right=is_right)
    return is_right


def _same(shown: str, known: str) -> bool:
    # As bytes: of texts, compare_digest takes ASCII only, and headers may hold anything.
    return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), known.encode("utf-8", "surrogatepass"))


def _is_from_this_machine(request: Request) -> bool:
    headers = request.headers
    if any(name in FORWARDING or name.startswith("x-forwarded") for name in headers):
        return False
    # A name of the attacker's that points to 127.0.0.1 (DNS rebinding) arrives here with that name as its host.
    return _is_loopback(request.peer) and _is_loopback_host(headers.get("host", ""))


def _is_loopback_host(host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].strip("[]").lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(address: str | None) -> bool:
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
