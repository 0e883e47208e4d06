"""Middleware that watches memory where Python web and worker processes really run.

This module is a table of contents: importing it loads no framework, starts no thread and does not start
tracemalloc. The adapters are modules of their own: `memguard.flask`, `memguard.django`, `memguard.starlette`,
`memguard.celery`, `memguard.wsgi`, `memguard.asgi`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memguard.lineprofile import profile_lines
    from memguard.marking import mark
    from memguard.settings import Settings, SettingsError
    from memguard.snapshotting import write_snapshot
    from memguard.wiring.guard import Guard

__all__ = ["Guard", "Settings", "SettingsError", "__version__", "mark", "profile_lines", "write_snapshot"]

_HOMES = {
    "Guard": "memguard.wiring.guard",
    "Settings": "memguard.settings",
    "SettingsError": "memguard.settings",
    "mark": "memguard.marking",
    "profile_lines": "memguard.lineprofile",
    "write_snapshot": "memguard.snapshotting",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("memguard-web")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
