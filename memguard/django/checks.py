"""System checks: a wrong setting, a middleware that is missing or does not see the whole request, a closed endpoint."""

from collections.abc import Sequence

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from memguard.adapting import load_settings
from memguard.django.middleware import MemGuardMiddleware
from memguard.settings import Settings, SettingsError

MIDDLEWARE = "memguard.django.MemGuardMiddleware"


@checks.register(checks.Tags.compatibility)
def check_settings(**_: object) -> list[checks.CheckMessage]:
    """Say which setting is wrong, before the first worker stumbles over it."""
    try:
        load_settings(getattr(settings, "MEMGUARD", None), {})
    except SettingsError as error:
        return [
            checks.Error(str(error), hint="Correct it in settings.MEMGUARD or in the environment.", id="memguard.E001")
        ]
    return []


@checks.register(checks.Tags.compatibility)
def check_middleware(**_: object) -> list[checks.CheckMessage]:
    """Say where the middleware is missing, or what of a request it does not see."""
    places = _places(settings.MIDDLEWARE)
    if not places:
        hint = f'Add "{MIDDLEWARE}" as the first entry.'
        return [
            checks.Warning(
                "memguard watches nothing: its middleware is not in MIDDLEWARE.", hint=hint, id="memguard.W001"
            )
        ]
    if len(places) > 1:
        hint = "Leave the first of them: the others do nothing."
        told = f"memguard's middleware is {len(places)} times in MIDDLEWARE."
        return [checks.Warning(told, hint=hint, id="memguard.W003")]
    if places[0] > 0:
        before = ", ".join(settings.MIDDLEWARE[: places[0]])
        hint = f'Put "{MIDDLEWARE}" first.'
        return [
            checks.Warning(f"memguard does not see what this middleware does: {before}.", hint=hint, id="memguard.W002")
        ]
    return []


@checks.register(checks.Tags.security)
def check_endpoint(**_: object) -> list[checks.CheckMessage]:
    """Say that nobody can open the endpoint: outside of debug mode it needs a token."""
    try:
        loaded = Settings.load(getattr(settings, "MEMGUARD", None))
    except SettingsError:
        return []  # said by check_settings
    if settings.DEBUG or loaded.token is not None or loaded.endpoint is None or loaded.mode == "off":
        return []
    hint = 'Set "TOKEN" in settings.MEMGUARD, or "ENDPOINT": None.'
    return [
        checks.Info(f"memguard answers nobody at {loaded.endpoint}: no token is set.", hint=hint, id="memguard.I001")
    ]


def _places(paths: Sequence[str]) -> list[int]:
    places = []
    for place, path in enumerate(paths):
        try:
            middleware = import_string(path)
        except ImportError:
            continue  # Django says so itself
        if isinstance(middleware, type) and issubclass(middleware, MemGuardMiddleware):
            places.append(place)
    return places
