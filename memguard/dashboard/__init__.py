"""The endpoint, in no framework's terms: an adapter asks `concerns`, then `admits`, then `respond`.

What answers is loaded by the first request for it: most workers never have one, and it is a quarter of memguard's memory.
"""

from memguard.dashboard.access import admits, concerns
from memguard.dashboard.messages import BODY_LIMIT, Request, Response, Source
from memguard.forking import undivided
from memguard.settings import Settings

__all__ = ["BODY_LIMIT", "Request", "Response", "Source", "admits", "concerns", "respond"]


def respond(request: Request, settings: Settings, guard: Source) -> Response:
    """Return the endpoint's answer to a request that `admits` let in."""
    with undivided():
        from memguard.dashboard import responding
    return responding.respond(request, settings, guard)
