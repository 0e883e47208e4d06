"""The settings of the example project; MEMGUARD_* environment variables add to them."""

import os

SECRET_KEY = "not a secret: this project only ever answers on loopback"
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "example_apps.django_app.urls"
INSTALLED_APPS = ["memguard.django"]
MIDDLEWARE = ["memguard.django.MemGuardMiddleware", "django.middleware.common.CommonMiddleware"]
APPEND_SLASH = False
USE_TZ = True
