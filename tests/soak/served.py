"""The example applications with a probe in each process: `tests.soak.served:flask`, and so on."""

import importlib
from typing import Any

from tests.soak import probe

APPLICATIONS = {
    "flask": ("example_apps.flask_app.app", "app"),
    "django": ("example_apps.django_app.wsgi", "application"),
    "fastapi": ("example_apps.fastapi_app.app", "app"),
    "celery": ("example_apps.celery_app.tasks", "app"),
}


def __getattr__(name: str) -> Any:
    if name not in APPLICATIONS:
        raise AttributeError(name)
    module, attribute = APPLICATIONS[name]
    probe.start()
    return getattr(importlib.import_module(module), attribute)
