"""The endpoint, in no framework's terms: an adapter asks `concerns`, then `admits`, then `respond`."""

import time
from collections import defaultdict

from memguard.dashboard import api
from memguard.dashboard.access import admits, concerns, is_token, session_cookie, token_of_form
from memguard.dashboard.assets import asset
from memguard.dashboard.messages import (
    BODY_LIMIT,
    HTML,
    QUERY_LIMIT,
    TEXT,
    Request,
    Response,
    Source,
    base_of,
    response,
)
from memguard.dashboard.page import login, page
from memguard.dashboard.report import moment
from memguard.dashboard.spark import SECONDS, Point
from memguard.settings import Settings

__all__ = ["BODY_LIMIT", "Request", "Response", "Source", "admits", "concerns", "respond"]

POINTS_READ = 10_000


def respond(request: Request, settings: Settings, guard: Source) -> Response:
    """Return the endpoint's answer to a request that `admits` let in."""
    answered = _respond(request, settings, guard)
    if request.method != "HEAD":
        return answered
    # The headers of the GET, its length too, and nothing after them.
    return Response(answered.status, answered.headers, b"")


def _respond(request: Request, settings: Settings, guard: Source) -> Response:
    below = request.path[len(settings.endpoint or "") :]
    posts = below == "/login" and settings.token is not None
    if request.method not in ({"GET", "HEAD", "POST"} if posts else {"GET", "HEAD"}):
        allowed = "GET, HEAD, POST" if posts else "GET, HEAD"
        return response(405, TEXT, f"Only {allowed} here.\n", ("Allow", allowed))
    if len(request.query) > QUERY_LIMIT and not below.startswith("/api/"):
        return response(400, TEXT, f"At most {QUERY_LIMIT} characters of query are read.\n")
    if below in {"", "/"}:
        return _page(request, settings, guard)
    if posts:
        return _login(request, settings)
    found = None
    if below.startswith("/static/"):
        found = asset(below.removeprefix("/static/"))
    elif below.startswith("/api/"):
        found = api.answer(below.removeprefix("/api/"), request, settings, guard)
    return found or response(404, TEXT, "There is nothing here.\n")


def _page(request: Request, settings: Settings, guard: Source) -> Response:
    report = api.report_of(guard, settings)
    points: defaultdict[tuple[str, int, str], list[Point]] = defaultdict(list)
    for worker, point in guard.store.timeline(since=time.time() - SECONDS, limit=POINTS_READ):
        points[worker.host, worker.pid, moment(worker.started_at)].append((point.at, point.rss_bytes))
    return response(200, HTML, page(report, base_of(request, settings), points))


def _login(request: Request, settings: Settings) -> Response:
    base = base_of(request, settings)
    if request.method != "POST":
        return response(200, HTML, login(base, wrong=False))
    if len(request.body) > BODY_LIMIT:
        return response(413, TEXT, f"At most {BODY_LIMIT} bytes are read.\n")
    if not is_token(token_of_form(request), settings):
        return response(401, HTML, login(base, wrong=True), ("WWW-Authenticate", "Bearer"))
    return response(303, TEXT, "Signed in.\n", ("Location", base), session_cookie(request, settings))
