"""The settings of the zoo's Django project; `ZOO_PART` says whose views it serves."""

import os
from pathlib import Path

SECRET_KEY = "not a secret: this project only ever answers on loopback"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "tests.zoo.django_app.urls"
PART = os.environ.get("ZOO_PART", "shop")
INSTALLED_APPS = ["memguard.django"]
MIDDLEWARE = [
    "memguard.django.MemGuardMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tests.zoo.django_app.work.working",
]
APPEND_SLASH = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path.cwd() / "zoo.sqlite3")}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
