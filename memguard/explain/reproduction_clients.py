"""The parts of a reproduction that differ by framework: imports, what the reader fills in, the fixture `unit`.

`⟦NAME⟧` stands for Python that is made from the finding. A unit is called with its number and returns how it ended.
"""

REQUEST = """# FILL IN: what the operation is sent. `{n}` in a part of the path is replaced by the number of the unit.
METHOD = ⟦METHOD⟧
⟦PARTS⟧HEADERS = {}
JSON = None
UNEXPECTED = {301, 302, 307, 308, 400, 401, 403, 404, 405, 415, 422, 500}  # take out what it is meant to answer


def path(number):
    return ⟦PATH⟧


def part(text, number):
    return quote(text.replace("{n}", str(number)), safe="/")

"""

FLASK_IMPORTS = """from urllib.parse import quote

import pytest

os.environ["MEMGUARD_MODE"] = "off"  # or its own work would be measured, too
from your_application import app  # noqa: E402 - FILL IN: where your Flask application is"""
FLASK = """
@pytest.fixture
def unit():
    client = app.test_client()

    def run(number):
        with client.open(path(number), method=METHOD, headers=HEADERS, json=JSON) as response:
            response.get_data()
            return response.status_code

    return run
"""

DJANGO_IMPORTS = """from json import dumps
from urllib.parse import quote

import django
import pytest
from django.conf import settings
from django.test import Client

os.environ["MEMGUARD_MODE"] = "off"  # or its own work would be measured, too
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "your_project.settings")  # FILL IN: your settings
django.setup()"""
DJANGO = """
@pytest.fixture
def unit():  # FILL IN: with pytest-django, take `db` as an argument
    settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False
    client = Client(raise_request_exception=False)

    def run(number):
        body = "" if JSON is None else dumps(JSON)
        response = client.generic(METHOD, path(number), body, "application/json", headers=HEADERS)
        if response.streaming and not response.is_async:
            for _ in response:
                pass
        response.close()
        return response.status_code

    return run
"""

STARLETTE_IMPORTS = """from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

os.environ["MEMGUARD_MODE"] = "off"  # or its own work would be measured, too
from your_application import app  # noqa: E402 - FILL IN: where your application is"""
STARLETTE = """
@pytest.fixture
def unit():
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:

        def run(number):
            return client.request(METHOD, path(number), headers=HEADERS, json=JSON).status_code

        yield run
"""

WEBSOCKET = """# FILL IN: what the operation is sent. `{n}` in a part of the path is replaced by the number of the unit.
⟦PARTS⟧HEADERS = {}
TEXTS = []
UNEXPECTED = set()


def path(number):
    return ⟦PATH⟧


def part(text, number):
    return quote(text.replace("{n}", str(number)), safe="/")


@pytest.fixture
def unit():
    with TestClient(app) as client:

        def run(number):
            with client.websocket_connect(path(number), headers=HEADERS) as socket:
                for text in TEXTS:
                    socket.send_text(text)
            return "closed"

        yield run
"""

CELERY_IMPORTS = """
import pytest

os.environ["MEMGUARD_MODE"] = "off"  # or its own work would be measured, too
⟦TASK⟧  # noqa: E402 - FILL IN: where the task is"""
CELERY = """# FILL IN: what the task is given. A text may have `{n}` for the number of the unit.
ARGUMENTS = []
KEYWORDS = {}
UNEXPECTED = {"FAILURE", "REJECTED"}  # take out what it is meant to end with


@pytest.fixture
def unit():
    def run(number):
        arguments = [numbered(value, number) for value in ARGUMENTS]
        keywords = {name: numbered(value, number) for name, value in KEYWORDS.items()}
        return task.apply(args=arguments, kwargs=keywords, throw=False).state

    return run


def numbered(value, number):
    return value.replace("{n}", str(number)) if isinstance(value, str) else value
"""
