"""Which part of the endpoint answers a request."""

from memguard.dashboard import api
from memguard.dashboard.assets import asset
from memguard.dashboard.login import sign_in
from memguard.dashboard.messages import QUERY_LIMIT, TEXT, Request, Response, Source, response
from memguard.dashboard.metrics import metrics
from memguard.dashboard.screens import screen
from memguard.settings import Settings


def respond(request: Request, settings: Settings, guard: Source) -> Response:
    """Return the endpoint's answer to a request that `admits` let in."""
    answered = _respond(request, settings, guard)
    if request.method != "HEAD":
        return answered
    # The headers of the GET, its length too, and nothing after them.
    return Response(answered.status, answered.headers, b"")


def _respond(request: Request, settings: Settings, guard: Source) -> Response:
    below = request.path[len(settings.endpoint or "") :]
    allowed = _methods(below, settings)
    if request.method not in allowed:
        listed = ", ".join(allowed)
        return response(405, TEXT, f"Only {listed} here.\n", ("Allow", listed))
    if len(request.query) > QUERY_LIMIT and not below.startswith("/api/"):
        return response(400, TEXT, f"At most {QUERY_LIMIT} characters of query are read.\n")
    if "POST" in allowed and below == "/login":
        return sign_in(request, settings, guard)
    found = None
    if below.startswith("/static/"):
        found = asset(below.removeprefix("/static/"))
    elif below.startswith("/api/"):
        found = api.answer(below.removeprefix("/api/"), request, settings, guard)
    elif below == "/metrics":
        found = metrics(settings, guard)
    else:
        found = screen(below, request, settings, guard)
    return found or response(404, TEXT, "There is nothing here.\n")


def _methods(below: str, settings: Settings) -> tuple[str, ...]:
    if below.startswith("/api/"):
        return api.methods(below.removeprefix("/api/"))
    return ("GET", "HEAD", "POST") if below == "/login" and settings.token is not None else ("GET", "HEAD")
