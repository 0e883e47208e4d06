"""The project's routes: the menu is an app of its own that is included."""

from django.urls import include, path

from example_apps.django_app import views

menu = [
    path("clean", views.clean),
    path("leak", views.leak),
    path("bounded_cache", views.bounded_cache),
    path("cycle", views.cycle),
    path("stream", views.stream),
    path("boom", views.boom),
    path("big", views.big),
]

urlpatterns = [path("health", views.health), path("", include(menu))]
