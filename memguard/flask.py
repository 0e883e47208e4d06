"""Flask: `MemGuard(app)`, or `MemGuard()` and `init_app` later; settings in `app.config["MEMGUARD"]`.

`flask memguard` then prints the report of the application's service.
"""

import click
from flask import Flask, request, request_started

from memguard.adapting import UNIT, load_settings, operation_name
from memguard.model import UNMATCHED
from memguard.safety import Part
from memguard.settings import Settings, SettingsError
from memguard.wsgi import MemGuardMiddleware

COMMAND = "memguard"

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
        if COMMAND not in app.cli.commands:
            app.cli.add_command(_command(settings))
        if settings.mode != "off":
            app.wsgi_app = MemGuardMiddleware(  # type: ignore[method-assign]  # how Flask documents it
                app.wsgi_app, settings, unmatched=UNMATCHED, debug=lambda _: app.debug
            )
            request_started.connect(_name)


class _WrongError(click.ClickException):
    exit_code = 2


def _command(settings: Settings) -> click.Command:
    def show(as_json: bool) -> None:
        from memguard.dashboard.printing import UnreadableError, printed

        try:
            click.echo(printed(settings, as_json=as_json), nl=False)
        except (SettingsError, UnreadableError) as error:
            raise _WrongError(str(error)) from None

    told = "Show what memguard found: findings, operations and workers of this service, from its store."
    flag = click.Option(["--json", "as_json"], is_flag=True, help="Print the report as JSON.")
    return click.Command(COMMAND, callback=show, params=[flag], help=told)


def _name(sender: Flask, **_: object) -> None:
    # Heard from every Flask application: one that is mounted under a watched one names the request, too.
    with _naming:
        current = request._get_current_object()  # type: ignore[attr-defined]  # a proxy, which is slow to ask
        environ, rule = current.environ, current.url_rule
        unit = environ.get(UNIT)
        if unit is not None and not unit.ended:
            unit.expires(current, "request")
            if rule is not None:
                unit.name = operation_name(current.method, environ.get("SCRIPT_NAME", "").rstrip("/") + rule.rule)
                unit.runs(sender.view_functions.get(rule.endpoint))
