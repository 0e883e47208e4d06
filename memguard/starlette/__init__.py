"""Starlette and FastAPI: `app.add_middleware(MemGuardMiddleware, rss_ceiling="512MB")`."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from memguard import asgi
from memguard.asgi.endpoint import Receive, Scope, Send
from memguard.model import UNMATCHED
from memguard.settings import Settings, SettingsError
from memguard.starlette.routes import Templates

log = logging.getLogger("memguard")


class MemGuardMiddleware(asgi.MemGuardMiddleware):
    """ASGI middleware that names operations by the route templates of the application around it, or inside it.

    Args:
        app: The application to watch.
        settings: Validated settings, or a mapping of setting names to values.
        arguments: Settings by name.

    Raises:
        SettingsError: A setting is unknown or malformed. Starlette makes its middleware when it starts: there, the
            application fails to start with that message.
    """

    def __init__(
        self, app: asgi.App, /, settings: Settings | Mapping[str, object] | None = None, **arguments: object
    ) -> None:
        self._templates = Templates()
        self._root: Any = None
        try:
            super().__init__(
                app, settings, operation=self._template, unmatched=UNMATCHED, debug=self._is_debugging, **arguments
            )
        except SettingsError as error:
            if not _is_serving():
                raise
            log.error("%s; memguard watches nothing", error)  # noqa: TRY400 (the message says all)
            super().__init__(_Refusing(app, str(error)), Settings(mode="off"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application over a scope, or answer at the endpoint."""
        if self._root is None:
            self._root = scope.get("app") or self.app  # applications inside put themselves in its place later
        await super().__call__(scope, receive, send)

    def _template(self, scope: Scope) -> str:
        return self._templates.find(self._root, scope)

    def _is_debugging(self, _scope: Scope) -> bool:
        return bool(getattr(self._root, "debug", False))


class _Refusing:
    """Fails the start of an application that a server starts with wrong settings; requests are not its business.

    Starlette makes its middleware at the first message, and a server takes an exception there for an application
    that has no start-up.
    """

    def __init__(self, app: asgi.App, reason: str) -> None:
        self.app = app
        self._reason = reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": self._reason})
        else:
            await self.app(scope, receive, send)


def _is_serving() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
