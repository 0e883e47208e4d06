"""The Flask adapter: how it is set up, and what operations are called."""

from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from memguard.flask import MemGuard
from memguard.settings import SettingsError
from memguard.wiring.guard import Guard
from tests.adapters.truth import counts, runs


def show(number: int) -> str:
    """Serve a page."""
    return str(number)


def handled() -> str:
    """Fail in a way that the application expects."""
    raise ZeroDivisionError


def unhandled() -> str:
    """Fail in a way that it does not."""
    raise KeyError


@pytest.fixture
def app() -> Flask:
    """Return an application that is not watched yet."""
    app = Flask("shop")
    app.add_url_rule("/users/<int:number>", "user", show)
    return app


def test_extension(app: Flask) -> None:
    """`MemGuard(app)` is found in `app.extensions`; a later `init_app` of any extension changes nothing."""
    memguard = MemGuard(app)
    wrapped = app.wsgi_app
    MemGuard().init_app(app)
    memguard.init_app(app)

    assert app.extensions["memguard"] is memguard
    assert app.wsgi_app is wrapped


def test_init_app(app: Flask) -> None:
    """One extension watches several applications, each with its own settings."""
    memguard = MemGuard()
    other = Flask("other")
    other.config["MEMGUARD"] = {"MODE": "off"}
    memguard.init_app(app)
    memguard.init_app(other)
    other.test_client().get("/").close()
    assert Guard.current() is None

    app.test_client().get("/users/7").close()
    assert counts() == {"GET /users/<int:number>": (1, 0)}


def test_off(app: Flask) -> None:
    """With the mode off the application is not even wrapped."""
    before = app.wsgi_app
    MemGuard(app, mode="off")

    assert app.wsgi_app == before


def test_settings(app: Flask) -> None:
    """Arguments win over `app.config["MEMGUARD"]`."""
    app.config["MEMGUARD"] = {"SERVICE": "shop", "TRACE_FRAMES": 3}
    MemGuard(app, trace_frames=4)
    app.test_client().get("/users/7").close()
    guard = Guard.current()

    assert guard is not None
    assert (guard.settings.service, guard.settings.trace_frames) == ("shop", 4)


def test_wrong_settings(app: Flask) -> None:
    """A wrong setting is an error at once: an argument where it is written, a configured one in `init_app`."""
    with pytest.raises(SettingsError, match="rss_ceiling='512 bananas'"):
        MemGuard(rss_ceiling="512 bananas")
    app.config["MEMGUARD"] = {"RSS_CEILING": "512 bananas"}
    with pytest.raises(SettingsError, match="RSS_CEILING='512 bananas'"):
        MemGuard(app)
    assert "memguard" not in app.extensions


def test_names(app: Flask) -> None:
    """Blueprints, class-based views, static files and mounted applications are named by their full rules."""

    class Basket(MethodView):
        def get(self, item: str) -> str:
            return item

        post = get

    users = Blueprint("users", __name__, url_prefix="/people")
    users.add_url_rule("/<name>", "show", lambda area, name: name)
    area = Blueprint("area", __name__, url_prefix="/area/<int:area>")
    area.register_blueprint(users)
    app.register_blueprint(area)
    app.add_url_rule("/basket/<path:item>", view_func=Basket.as_view("basket"))
    mounted = Flask("mounted")
    mounted.add_url_rule("/inside/<int:number>", "inside", show)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/mounted": mounted})  # type: ignore[method-assign]
    MemGuard(app)
    client = app.test_client()
    for path in ("/area/3/people/ann", "/basket/a/b", "/mounted/inside/4", "/static/x.css", "/nowhere", "/users/x"):
        client.get(path).close()
    client.post("/basket/a").close()
    client.post("/users/7").close()

    assert counts() == {
        "GET /area/<int:area>/people/<name>": (1, 0),
        "GET /basket/<path:item>": (1, 0),
        "POST /basket/<path:item>": (1, 0),
        "GET /mounted/inside/<int:number>": (1, 0),
        "GET /static/<path:filename>": (1, 0),
        "<unmatched>": (3, 0),
    }


def test_mounted(app: Flask) -> None:
    """An application that is watched where it is mounted has the mount's path in its names, and its endpoint below."""
    MemGuard(app, token="a-long-secret")
    client = Client(DispatcherMiddleware(Flask("outside"), {"/shop": app}))
    client.get("/shop/users/7").close()
    client.get("/users/7").close()
    report = client.get("/shop/_memguard/api/report", headers={"Authorization": "Bearer a-long-secret"})

    assert [each["name"] for each in report.get_json()["operations"]] == ["GET /shop/users/<int:number>"]


def test_debug_mode(app: Flask) -> None:
    """The endpoint follows the application's debug mode, as it is when it is asked."""
    MemGuard(app)
    client = app.test_client()
    assert client.get("/_memguard").status_code == 404
    app.debug = True

    assert client.get("/_memguard").status_code == 200


def test_error_handlers_and_teardown(app: Flask) -> None:
    """What the application handles itself is no error; what it answers with a 500 is."""
    seen: list[Any] = []
    app.teardown_request(seen.append)
    app.add_url_rule("/handled", "handled", handled)
    app.add_url_rule("/unhandled", "unhandled", unhandled)
    app.register_error_handler(ZeroDivisionError, lambda _: ("handled", 400))
    app.logger.disabled = True
    MemGuard(app)
    client = app.test_client()

    for path, status in (("/handled", 400), ("/unhandled", 500)):
        with client.get(path) as response:
            assert response.status_code == status
    assert counts() == {"GET /handled": (1, 0), "GET /unhandled": (1, 1)}
    assert [type(error) for error in seen] == [type(None), KeyError]


def test_the_view_is_known(app: Flask) -> None:
    """Its function, or the methods of its class."""

    class ByClass(MethodView):
        def get(self) -> str:
            return "by class"

    app.add_url_rule("/class", view_func=ByClass.as_view("by_class"))
    MemGuard(app)
    app.test_client().get("/users/7").close()
    app.test_client().get("/class").close()

    assert runs("GET /users/<int:number>", show)
    assert runs("GET /class", ByClass.get)
    assert not runs("GET /class", show)


def test_a_command_of_the_application_s_own_stays(app: Flask) -> None:
    """Where it has the name of memguard's."""

    @app.cli.command("memguard")
    def own() -> None:
        """Do what the application wants."""

    MemGuard(app)

    assert app.cli.commands["memguard"] is own
