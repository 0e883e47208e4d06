"""What all adapters share: settings that are sound from the start, the mark of a watched request, operation names."""

from collections.abc import Callable, Mapping, MutableMapping
from time import time
from typing import Any

from memguard.dashboard import Request, Response, respond
from memguard.instruments.process import started
from memguard.model import UNMATCHED
from memguard.recycling.servers.loading import loaded
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store.places import examine_place
from memguard.wiring.guard import Guard, Unit

UNIT = "memguard.unit"
"""The key of a request's unit in its WSGI environ or ASGI scope, so that no second layer counts it again."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_part = Part("answering at the endpoint")
FAILED = Response(500, (("Content-Type", "text/plain"),), b"memguard could not answer; its log says why.\n")


def begin(
    mark: MutableMapping[str, Any], settings: Settings, by: object, kind: str, name: str = UNMATCHED
) -> tuple[Guard, Unit] | None:
    """Begin a unit and mark its request with it; return None where a layer further out watches the request already.

    Args:
        mark: The environ or scope that goes with the request.
        settings: What this process is watched by, if nothing else is said yet.
        by: The adapter; that another one watches the request already is told as a fault of how they are wired.
        kind: Of the unit, as for `Guard.begin`.
        name: Of its operation, as far as it is known.
    """
    outer = mark.get(UNIT)
    if outer is not None and not outer.ended:
        if outer.watcher != id(by):
            outer.inner = type(by).__module__
        return None
    guard = Guard.for_process(settings)
    unit = mark[UNIT] = guard.begin(kind, name)
    unit.watcher = id(by)
    return guard, unit


def load_settings(settings: Settings | Mapping[str, object] | None, arguments: Mapping[str, object]) -> Settings:
    """Return validated settings; what only the first request would stumble over is found here, at start.

    Args:
        settings: Settings that are validated already, or a framework's mapping.
        arguments: Settings by name; they win over the mapping.

    Raises:
        SettingsError: A setting is unknown or malformed, or the store names a file of something else.
    """
    if not isinstance(settings, Settings):
        if settings is None or isinstance(settings, Mapping):
            settings = {**(settings or {}), **arguments}
        settings = Settings.load(settings)
    if settings.store and settings.mode != "off":
        examine_place(settings)
    loaded(time() - started())
    return settings


def operation_name(method: str, route: str) -> str:
    """Return `GET /users/<id>`; a method outside `METHODS` is `OTHER`, and `<unmatched>` stands alone.

    Clients choose methods and paths, so neither may name an operation as it came.
    """
    if route == UNMATCHED:
        return route
    return f"{method if method in METHODS else 'OTHER'} {route}"


def named(route: Callable[[Any], str | None], asked: Any, method: str) -> str | None:
    """Return the operation's name of a request whose route a function tells, None while it tells none."""
    template = route(asked)
    return None if template is None else operation_name(method, template)


def answer(request: Request, settings: Settings) -> Response:
    """Return the endpoint's answer to a request that it admits, with its body; never raise.

    The host cannot answer any more once its request's body is read, so a failure is answered as well.
    """
    with _part:
        guard = Guard.for_process(settings)
        with guard.own_work:
            return respond(request, settings, guard)
    return FAILED
