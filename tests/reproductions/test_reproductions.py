"""The generated file is filled in as a reader would do it, and run by pytest on an application that leaks and on its mend."""

from pathlib import Path

import pytest

from memguard.explain.patterns import ENTRIES
from memguard.explain.reproduction import reproduction
from tests.reproductions.applications import CELERY_APP, DJANGO_SETTINGS, DJANGO_URLS, STARLETTE_APP, run
from tests.unit.explain.accusing import finding

PATTERNS = {entry.id: entry.pattern for entry in ENTRIES}


@pytest.mark.parametrize(
    ("name", "types", "leak"),
    [
        ("GET /users/<int:number>/", ("ValueError", "traceback"), ("KEEP\n", "_errors.append(error)\n")),
        ("GET /^years/(?P<year>[0-9]{4})/$", ("list",), ("KEEP_LINES", "_errors.append(rows)")),
    ],
    ids=["path", "stream"],
)
def test_django(tmp_path: Path, name: str, types: tuple[str, ...], leak: tuple[str, str]) -> None:
    """On a Django project the same holds, for routes of both kinds and for what streams."""
    text = reproduction(finding(name, types=types, held="shop_urls._errors[…]"), "django")
    text = text.replace("your_project.settings", "shop_settings")
    (tmp_path / "shop_settings.py").write_text(DJANGO_SETTINGS)
    ended = []
    for urls in (DJANGO_URLS.replace(*leak), DJANGO_URLS):
        (tmp_path / "shop_urls.py").write_text(urls.replace("KEEP_LINES", "pass").replace("KEEP", "pass"))
        ended.append(run(tmp_path, text))

    assert [code for code, _ in ended] == [1, 0], "\n".join(said for _, said in ended)


def test_starlette(tmp_path: Path) -> None:
    """On a Starlette application tasks that go on are seen; its loop is one for the whole run."""
    accused = finding("GET /users/{number:int}", types=("_asyncio.Task", "coroutine"), pattern=PATTERNS["async-task"])
    text = reproduction(accused).replace("from your_application import app", "from shop import app")
    ended = []
    for after in ("pass", "task.cancel()"):
        (tmp_path / "shop.py").write_text(STARLETTE_APP.replace("AFTER", after).replace("KEEP", "pass"))
        ended.append(run(tmp_path, text))

    assert [code for code, _ in ended] == [1, 0], "\n".join(said for _, said in ended)


def test_websocket(tmp_path: Path) -> None:
    """Websocket sessions are driven, too."""
    accused = finding("/chat/{room}", "websocket", types=("starlette.websockets.WebSocket",), held="shop._active[…]")
    text = reproduction(accused).replace("from your_application import app", "from shop import app")
    ended = []
    for keep in ("_active.append(socket)", "pass"):
        (tmp_path / "shop.py").write_text(STARLETTE_APP.replace("AFTER", "task.cancel()").replace("KEEP", keep))
        ended.append(run(tmp_path, text))

    assert [code for code, _ in ended] == [1, 0], "\n".join(said for _, said in ended)


def test_celery(tmp_path: Path) -> None:
    """A task is applied with the arguments the reader fills in; its name says where to import it from."""
    text = reproduction(
        finding("shop_tasks.bill", "task", types=("shop_tasks.Bill",), held="shop_tasks._retry_later[…]")
    )
    text = text.replace("ARGUMENTS = []", "ARGUMENTS = [7]")
    ended = []
    for keep in ("_retry_later.append(bill)", "pass"):
        (tmp_path / "shop_tasks.py").write_text(CELERY_APP.replace("KEEP", keep))
        ended.append(run(tmp_path, text))

    assert [code for code, _ in ended] == [1, 0], "\n".join(said for _, said in ended)


def test_celery_that_fails(tmp_path: Path) -> None:
    """A task that fails for want of arguments is told from one that leaks nothing."""
    (tmp_path / "shop_tasks.py").write_text(CELERY_APP.replace("KEEP", "pass"))
    code, said = run(tmp_path, reproduction(finding("shop_tasks.fails", "task", types=("shop_tasks.Bill",))))

    assert code == 1
    assert "answered FAILURE: fill in what it needs" in said
