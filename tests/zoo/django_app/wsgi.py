"""The project for WSGI servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.zoo.django_app.settings")
application = get_wsgi_application()

from tests.zoo.django_app import models  # noqa: E402 - models need a project that is set up

models.fill()
