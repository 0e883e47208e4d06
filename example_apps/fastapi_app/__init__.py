"""The menu as a FastAPI application: `uvicorn example_apps.fastapi_app.app:app`."""
