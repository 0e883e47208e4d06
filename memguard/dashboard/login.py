"""The login: the token for a session, with a limit on how often it may be guessed, over all workers of the service."""

import time

from memguard.dashboard.access import is_token, session_cookie, token_of_form
from memguard.dashboard.messages import BODY_LIMIT, HTML, TEXT, Request, Response, Source, base_of, response
from memguard.dashboard.screens.shell import login
from memguard.settings import Settings
from memguard.store import Limit

ATTEMPTS = Limit(seconds=300.0, of_one=10, of_all=100)
"""Wrong tokens from one address, and from all of them: behind a proxy all come from one, and addresses are cheap."""
UNKNOWN_PEER = "unknown"
WRONG = "That is not the token."


def sign_in(request: Request, settings: Settings, source: Source) -> Response:
    """Return the form, or what comes of it: a session, another try, or a rest."""
    base = base_of(request, settings)
    if request.method != "POST":
        return response(200, HTML, login(base))
    if len(request.body) > BODY_LIMIT:
        return response(413, TEXT, f"At most {BODY_LIMIT} bytes are read.\n")
    peer = request.peer or UNKNOWN_PEER
    # Noted before it is looked at: of guesses that come at once none is free.
    if not source.store.allow_login(peer, time.time(), ATTEMPTS):
        told = (
            f"Too many wrong tokens. Wait {ATTEMPTS.seconds / 60:.0f} minutes, or send the right one as a bearer token."
        )
        return response(429, HTML, login(base, told), ("Retry-After", f"{ATTEMPTS.seconds:.0f}"))
    if not is_token(token_of_form(request), settings):
        return response(401, HTML, login(base, WRONG), ("WWW-Authenticate", "Bearer"))
    source.store.forget_logins(peer)
    return response(303, TEXT, "Signed in.\n", ("Location", base), session_cookie(request, settings))
