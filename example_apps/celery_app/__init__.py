"""The menu as Celery tasks: `celery -A example_apps.celery_app.tasks worker`."""
