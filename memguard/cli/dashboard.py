"""Serve the page of a service from its store, where no web application does: for Celery alone, or many hosts over Redis.

Only programs of this machine can reach it, unless --host is another address; that takes a token (MEMGUARD_TOKEN).
"""

import argparse
import json
import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

from memguard.cli.command import OK, CommandError
from memguard.cli.serving import Page, Watched, serve
from memguard.cli.stores import opened, store_arguments
from memguard.settings import Settings
from memguard.store import origin_of

PORT, PORT_MOST = 8808, 65_535
ENDPOINT = "/_memguard"
OWN = ("MEMGUARD_STORE", "MEMGUARD_SERVICE")
"""What a worker would take from the environment, and this command has from its arguments."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    store_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    parser.add_argument("--json", action="store_true", help="say where it is as a line of JSON")
    parser.add_argument("--port", default=PORT, type=int, help=f"0 for any that is free (default: {PORT})")


def run(asked: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    with opened(asked.store, asked.service, waits=True) as found:
        pass
    environ = {name: text for name, text in os.environ.items() if name not in OWN}
    settings = Settings.load({"store": found.address, "service": found.service}, environ=environ)
    settings = replace(settings, endpoint=settings.endpoint or ENDPOINT)
    origin = origin_of(settings)
    page = Page(settings, origin, Watched(origin.open()))
    if not 0 <= asked.port <= PORT_MOST:
        raise CommandError(f"--port {asked.port}: expected a number from 0 to {PORT_MOST}")
    try:
        server = serve(page, asked.host, asked.port, open_to_others=settings.token is not None)
    except OSError as error:
        raise CommandError(f"{asked.host}:{asked.port}: {error.strerror or error}") from None
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has what it starts in the background ignore SIGINT
        signal.signal(number, _end)
    with server, suppress(KeyboardInterrupt):
        waits = "" if found.is_told else ", which has told nothing yet"
        who = "for whoever knows the token" if settings.token is not None else "for this machine alone, without a token"
        url = f"{server.url}{settings.endpoint}"
        if asked.json:
            print(json.dumps({"service": found.service, "store": found.place, "url": url}), flush=True)
        else:
            print(f"memguard: service {found.service}{waits}, of the store {found.place}")
            print(f"memguard: {url}, {who}; Ctrl-C ends it", flush=True)
        server.serve_forever()
    page.close()
    return OK


def _end(*_: Any) -> None:
    raise KeyboardInterrupt
