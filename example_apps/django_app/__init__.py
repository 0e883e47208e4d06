"""The menu as a Django project: `gunicorn example_apps.django_app.wsgi`, `uvicorn example_apps.django_app.asgi:application`."""
