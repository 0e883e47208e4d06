"""Servers for development: they are known by their main loop, the standard library's, and are not asked to leave."""

import sys
import threading

from memguard.recycling.servers.protocol import Server
from memguard.recycling.servers.refusing import Refusing

REASON = "this is a server for development, and nothing would start it again; memguard reports only"
NAMES = {
    "werkzeug.serving": "werkzeug",
    "django.core.servers.basehttp": "django-runserver",
    "wsgiref.simple_server": "wsgiref",
}
DJANGOS_THREAD = "django-main-thread"
"""The thread that serves under Django's reloader; the main thread watches the source."""


def detect() -> Server | None:
    """Return `werkzeug`, `django-runserver` or `wsgiref`, or None where the main thread runs none of them."""
    serving = [threading.main_thread(), *(each for each in threading.enumerate() if each.name == DJANGOS_THREAD)]
    frames = sys._current_frames()
    for thread in serving:
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            if frame.f_code.co_name == "serve_forever" and frame.f_globals.get("__name__") == "socketserver":
                for kind in type(frame.f_locals.get("self")).__mro__:
                    if kind.__module__ in NAMES:
                        return Refusing(NAMES[kind.__module__], REASON)
            frame = frame.f_back
    return None
