"""The page by itself, and a small server for it."""

import ipaddress
import socket
import socketserver
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from memguard.adapting import FAILED
from memguard.cli.command import CommandError
from memguard.dashboard import Response, admits, respond
from memguard.dashboard.api import as_json
from memguard.dashboard.messages import TEXT, response
from memguard.instruments.process import worker_id
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store import Origin, Store
from memguard.wsgi.endpoint import admitted, read_request, send

SECONDS_TO_ASK = 20.0
"""How long a connection may take to say what it wants, and to take its answer."""
AT_ONCE = 16
TRIES = 4
"""How often a question is asked where another process merely holds a lock, which each time is waited for a moment."""

_part = Part("answering at the page")


class Watched:
    """A store, as the dashboard asks a guard for it; this process has nothing to tell it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.worker_id = worker_id()

    def flush(self) -> None:
        """Nothing: this process is no worker."""


class Page:
    """A WSGI application that is memguard's page and nothing else.

    Without a token it answers whoever asks from this machine by a name of this machine's; with one, who shows it.
    """

    def __init__(self, settings: Settings, origin: Origin, source: Watched) -> None:
        self._settings = settings
        self._origin = origin
        self._source = source
        self._base = settings.endpoint or ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer."""
        answered = FAILED
        with _part:
            answered = self._answer(environ)
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else answered.body
        return send(replace(answered, headers=(*answered.headers, ("Server", "memguard")), body=body), start_response)

    def close(self) -> None:
        """Close the store."""
        with suppress(*self._origin.faults):
            self._source.store.close()

    def _answer(self, environ: WSGIEnvironment) -> Response:
        if environ.get("PATH_INFO", "") in {"", "/"}:
            return self._way_in(environ)
        try:
            asked = admitted(environ, self._settings, debug=True)
        except OSError:
            return response(408, TEXT, "The rest of it did not come.\n")
        if asked is None:
            way_in = f" Sign in at {self._base}/login." if self._settings.token is not None else ""
            return response(404, TEXT, f"There is nothing here.{way_in}\n")
        tries = TRIES
        while True:
            tries -= 1
            try:
                return respond(asked, self._settings, self._source)
            except self._origin.faults as error:
                if tries and self._origin.is_brief(error):
                    continue
                told = f"The store {self._origin.place} cannot be used: {self._origin.words(error)}."
                self._open_anew()
                is_for_programs = asked.path.startswith(f"{self._base}/api/")
                return as_json(503, {"error": told}) if is_for_programs else response(503, TEXT, f"{told}\n")

    def _way_in(self, environ: WSGIEnvironment) -> Response:
        asked = replace(read_request(environ, debug=True), path=self._base)
        login = "/login" if self._settings.token is not None and not admits(asked, self._settings) else ""
        return response(303, TEXT, "This way.\n", ("Location", f"{self._base}{login}"))

    def _open_anew(self) -> None:
        with suppress(*self._origin.faults):
            self._source.store.close()
            self._source.store = self._origin.open()


class _Handler(WSGIRequestHandler):
    timeout = SECONDS_TO_ASK
    server_version, sys_version = "memguard", ""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that the library gives it)
        """Nothing: who looks at a page is not worth a line."""

    def address_string(self) -> str:
        return str(self.client_address[0])  # a name would have to be asked for


class Server(WSGIServer):
    """The standard library's, with a thread for each of the connections that it serves at once.

    Attributes:
        url: Where it listens, without a path.
    """

    allow_reuse_address = True
    url = ""

    def __init__(self, address: Any, family: socket.AddressFamily) -> None:
        self.address_family = family
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)
        host, port = self.server_address[:2]
        self.url = f"http://{f'[{host!s}]' if ':' in str(host) else str(host)}:{port}"

    def server_bind(self) -> None:
        """Bind, without asking the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own; wait where there are enough."""
        self._free.acquire()
        threading.Thread(target=self._process, args=(request, client_address), daemon=True).start()

    def _process(self, request: Any, client_address: Any) -> None:
        try:
            with suppress(OSError):  # who asked has gone, or took too long
                self.finish_request(request, client_address)
            self.shutdown_request(request)
        finally:
            self._free.release()


def serve(page: Page, host: str, port: int, *, open_to_others: bool) -> Server:
    """Return a server of the page that listens.

    Args:
        page: What it serves.
        host: A name or an address.
        port: 0 for any that is free.
        open_to_others: It may listen where other machines can reach it.

    Raises:
        CommandError: It would, and may not.
        OSError: It cannot listen there.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    if not open_to_others and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise CommandError(f"--host {host}: other machines may reach it there, which takes a token: set MEMGUARD_TOKEN")
    server = Server(address, family)
    server.set_app(page)
    return server
