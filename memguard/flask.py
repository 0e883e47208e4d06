"""Flask: `MemGuard(app)`, or `MemGuard()` and `init_app` later; settings in `app.config["MEMGUARD"]`."""

from flask import Flask, request, request_started

from memguard.adapting import UNIT, load_settings, operation_name
from memguard.model import UNMATCHED
from memguard.safety import Part
from memguard.wsgi import MemGuardMiddleware

_naming = Part("naming Flask operations")


class MemGuard:
    """Flask extension that watches every request of the applications it is given.

    Args:
        app: The application, if it is known already.
        settings: Settings by name; they win over `app.config["MEMGUARD"]`.

    Raises:
        SettingsError: A setting is unknown or malformed.
    """

    def __init__(self, app: Flask | None = None, **settings: object) -> None:
        load_settings(None, settings)
        self._arguments = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Watch `app`; once, however often it is called.

        Raises:
            SettingsError: A setting in `app.config["MEMGUARD"]` is unknown or malformed.
        """
        if "memguard" in app.extensions:
            return
        settings = load_settings(app.config.get("MEMGUARD"), self._arguments)
        app.extensions["memguard"] = self
        if settings.mode != "off":
            app.wsgi_app = MemGuardMiddleware(  # type: ignore[method-assign]  # how Flask documents it
                app.wsgi_app, settings, unmatched=UNMATCHED, debug=lambda _: app.debug
            )
            request_started.connect(_name)


def _name(_sender: Flask, **_: object) -> None:
    # Heard from every Flask application: one that is mounted under a watched one names the request, too.
    with _naming:
        environ, rule = request.environ, request.url_rule
        unit = environ.get(UNIT)
        if rule is not None and unit is not None and not unit.ended:
            unit.name = operation_name(request.method, environ.get("SCRIPT_NAME", "").rstrip("/") + rule.rule)
