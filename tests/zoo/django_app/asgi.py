"""The project for ASGI servers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.zoo.django_app.settings")
application = get_asgi_application()

from tests.zoo.django_app import models  # noqa: E402 - models need a project that is set up

models.fill()
