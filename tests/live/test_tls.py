"""The page over real TLS: a session that is opened there goes over nothing else."""

import http.client
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlencode

from example_apps import commands
from example_apps.servers import Servers, environment, free_port
from memguard.dashboard.access import COOKIE
from tests.live.live import SECONDS_PER_REQUEST, SECONDS_TO_START, TOKEN
from tests.missing import missing

BASE = "/_memguard"


def certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for loopback, signed by itself; return its file and its key's."""
    if shutil.which("openssl") is None:
        missing("there is no openssl that could make a certificate")
    made, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [*command, "-addext", "subjectAltName=IP:127.0.0.1", "-out", made, "-keyout", key],
        check=True,
        capture_output=True,
    )
    return made, key


def test_over_tls_the_session_is_for_tls_alone(servers: Servers, tmp_path: Path) -> None:
    """Signed in by the form of a real server: the cookie is Secure, and opens the page."""
    made, key = certificate(tmp_path)
    trusting, port = ssl.create_default_context(cafile=str(made)), free_port()

    def ask(method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS_PER_REQUEST, context=trusting)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        return answer

    def answers() -> bool:
        try:
            return ask("GET", "/health").status == 200
        except OSError:
            return False

    options = ("--ssl-certfile", str(made), "--ssl-keyfile", str(key))
    environ = environment(MEMGUARD_STORE=str(tmp_path / "a.sqlite"), MEMGUARD_TOKEN=TOKEN)
    command = commands.uvicorn(commands.FASTAPI, port, *options)
    server = servers.start("web", command, environ=environ, log=tmp_path / "web.log")
    try:
        server.wait_until(answers, seconds=SECONDS_TO_START)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        cookie = ask("POST", f"{BASE}/login", urlencode({"token": TOKEN}), **form).headers["Set-Cookie"]

        assert cookie.startswith(f"{COOKIE}=")
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}
        assert ask("GET", f"{BASE}/api/report", Cookie=cookie.partition(";")[0]).status == 200
        assert ask("GET", f"{BASE}/api/report").status == 404
    finally:
        servers.stop(server)
