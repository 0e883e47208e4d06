"""The menu as a Flask application: `gunicorn example_apps.flask_app.app:app`."""
