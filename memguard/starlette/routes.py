"""The full route template of a request, found by its endpoint.

Starlette leaves the endpoint of the last route that matched in the scope, be it a mount's application. What the
scope says of that route's path lacks the mounts around it, and before Starlette 1.0 the scope says nothing.
"""

import re
import weakref
from collections.abc import Iterable, Iterator
from math import inf
from time import monotonic
from typing import Any, NamedTuple

from memguard.asgi.endpoint import Scope
from memguard.model import UNMATCHED

SECONDS_BETWEEN_READINGS = 1.0
APPS_MOST = 64


class _Place(NamedTuple):
    """One route of an application.

    Attributes:
        template: Its full path; `<unmatched>` for a mount that has routes of its own, none of which matched.
        patterns: The patterns that lead there: those of the mounts around it, then its own.
        route: Held weakly, because the application may take it out.
        is_opaque: An application without routes is mounted there.
    """

    template: str
    patterns: tuple[re.Pattern[str], ...]
    route: "weakref.ref[Any]"
    is_opaque: bool

    def matches(self, path: str) -> bool:
        for pattern in self.patterns:
            match = pattern.match(path)
            if match is None:
                return False
            path = "/" + match.groupdict().get("path", "")
        return True


class Templates:
    """The templates of an application's routes, and of applications mounted in it behind a middleware of their own."""

    def __init__(self) -> None:
        self._indexes: dict[int, _Index] = {}

    def find(self, root: Any, scope: Scope) -> str:
        """Return the template of the route below `root` that a scope went through, or `<unmatched>`."""
        endpoint = scope.get("endpoint")
        if endpoint is None or endpoint is root:
            return UNMATCHED
        path = scope["path"].removeprefix(scope.get("app_root_path", scope.get("root_path", ""))) or "/"
        outer, inner = self._index(root), scope.get("app")
        # The same endpoint may serve in an application inside, so then the path has to agree.
        template = outer.find(root, endpoint, path, surely=inner is not root)
        if template is not None:
            return template
        if inner is not None and inner is not root:
            template = UNMATCHED if endpoint is inner else self._index(inner).find(inner, endpoint, path)
        if template is None:
            template = getattr(scope.get("route"), "path", UNMATCHED)
        return template if template == UNMATCHED else outer.mount(path) + template

    def _index(self, app: Any) -> "_Index":
        # An index knows its application by nothing but its routes, so the id may be another's by now.
        index = self._indexes.get(id(app))
        if index is None:
            if len(self._indexes) >= APPS_MOST:
                self._indexes.clear()
            index = self._indexes[id(app)] = _Index()
        return index


class _Index:
    """The places of one application by endpoint; read again, once a second at most, when an endpoint is unknown."""

    def __init__(self) -> None:
        self._places: dict[int, list[_Place]] = {}
        self._read_at = -inf

    def find(self, app: Any, endpoint: object, path: str, *, surely: bool = False) -> str | None:
        """Return the template of the route of `app` that has the endpoint, or None."""
        places = self._leading_to(endpoint)
        if not places and monotonic() - self._read_at > SECONDS_BETWEEN_READINGS:
            self._read(app)
            places = self._leading_to(endpoint)
        if surely or len(places) > 1:
            matching = [place for place in places if place.matches(path)]
            places = matching if surely else matching or places
        return places[0].template if places else None

    def mount(self, path: str) -> str:
        """Return the template of the mount whose application has no routes to read and that a path leads to, or ""."""
        mounts = (place for places in self._places.values() for place in places if place.is_opaque)
        return next((place.template.removesuffix("/{path}") for place in mounts if place.matches(path)), "")

    def _leading_to(self, endpoint: object) -> list[_Place]:
        return [place for place in self._places.get(id(endpoint), ()) if _endpoint(place.route()) is endpoint]

    def _read(self, app: Any) -> None:
        self._places = {}
        self._read_at = monotonic()
        for place in _walk(getattr(app, "routes", ()), "", ()):
            self._places.setdefault(id(_endpoint(place.route())), []).append(place)


def _endpoint(route: Any) -> object:
    endpoint = getattr(route, "endpoint", None)
    return getattr(route, "app", None) if endpoint is None else endpoint


def _walk(routes: Iterable[Any], prefix: str, patterns: tuple[re.Pattern[str], ...]) -> Iterator[_Place]:
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)  # FastAPI keeps an included router as one route
        if included is not None:
            contexts = (getattr(context, "starlette_route", None) or context for context in included())
            yield from _walk(contexts, prefix, patterns)
            continue
        # A host has no path of its own.
        here = prefix + getattr(route, "path", "")
        pattern = getattr(route, "path_regex", None)
        through = patterns if pattern is None else (*patterns, pattern)
        inside = getattr(route, "routes", None)
        if getattr(route, "endpoint", None) is not None:
            yield _Place(here, through, weakref.ref(route), is_opaque=False)
        elif inside:
            yield _Place(UNMATCHED, through, weakref.ref(route), is_opaque=False)
            yield from _walk(inside, here, through)
        elif getattr(route, "app", None) is not None:
            yield _Place(here + "/{path}", through, weakref.ref(route), is_opaque=True)
