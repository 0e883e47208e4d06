"""The same API, mended: the request's cache goes when the request ends, however it ends."""

from flask import g

from example_apps.cases.flask_api import _request_caches, app


@app.teardown_request
def forget(_: BaseException | None) -> None:
    """Take the request's cache out."""
    _request_caches.pop(g.get("request_id", ""), None)
