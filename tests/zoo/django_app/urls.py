"""A route for each view of the part that is served: those that declare a truth, and the health check."""

from importlib import import_module

from django.conf import settings
from django.urls import path

from tests.zoo.django_app.models import health

_views = import_module(f"tests.zoo.django_app.{settings.PART}")

urlpatterns = [path("health", health), *(path(view.__name__, view) for view in _views.VIEWS)]
