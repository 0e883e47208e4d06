"""How long this process has taken to load its application: what a start takes at least."""

import os

_loaded: dict[int, float] = {}


def loaded(seconds: float) -> None:
    """Say that an application is being loaded, so many seconds after the start of this process; the last word counts."""
    _loaded.clear()
    _loaded[os.getpid()] = seconds


def seconds_to_load() -> float:
    """Return the seconds; 0.0 where that is not known, as in a process that was forked with its application."""
    return _loaded.get(os.getpid(), 0.0)
