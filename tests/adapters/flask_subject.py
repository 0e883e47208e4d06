"""The menu in Flask."""

from collections.abc import Iterator

from flask import Flask, Response, request, send_file

from tests.adapters.menu import BIG, CHUNKS, FILE, HEADERS, MEETING, boom, broken, endless, follow


def _clean() -> Response:
    response = Response("clean", headers=[*HEADERS])
    follow("request", request._get_current_object())  # type: ignore[attr-defined]  # werkzeug's proxies have it
    follow("response", response)
    return response


def _echo() -> bytes:
    return request.get_data()


def make_app() -> Flask:
    """Return a new application."""
    app = Flask("menu")
    app.logger.disabled = True

    def chunks() -> Iterator[bytes]:
        yield from CHUNKS

    def meet() -> str:
        MEETING.wait()
        return "met"

    app.add_url_rule("/clean", "clean", _clean)
    app.add_url_rule("/list", "list", lambda: ["a", "list"])
    app.add_url_rule("/stream", "stream", lambda: Response(chunks(), mimetype="text/plain"))
    app.add_url_rule("/big", "big", lambda: BIG)
    app.add_url_rule("/unchanged", "unchanged", lambda: Response(status=304, headers={"ETag": '"1"'}))
    app.add_url_rule("/file", "file", lambda: send_file(FILE))
    app.add_url_rule("/echo", "echo", _echo, methods=["POST"])
    app.add_url_rule("/items/<int:number>", "item", lambda number: {"number": number})
    app.add_url_rule("/boom", "boom", boom)
    app.add_url_rule("/broken", "broken", lambda: Response(broken()))
    app.add_url_rule("/refused", "refused", lambda: ("not now", 503))
    app.add_url_rule("/endless", "endless", lambda: Response(endless()))
    app.add_url_rule("/meet", "meet", meet)
    return app
