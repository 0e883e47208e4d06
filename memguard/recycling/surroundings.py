"""Where a worker is not replaced because a person is at work on it: reloaders and debuggers."""

import os
import sys
from types import FrameType

RELOADERS = {"WERKZEUG_RUN_MAIN": "Werkzeug's", "RUN_MAIN": "Django's"}
"""Variables by which a process knows that a reloader has started it."""
_DEBUGGERS = (("debugpy", "is_client_connected"), ("pydevd", "connected"))


def refusal() -> str:
    """Return why this process is not to be replaced, as a part of a sentence; empty where nothing speaks against it."""
    for variable, whose in RELOADERS.items():
        if os.environ.get(variable) == "true":
            return f"{whose} reloader runs this process ({variable} is set), and would end with it"
    for module, attribute in _DEBUGGERS:
        if _says_yes(getattr(sys.modules.get(module), attribute, False)):
            return f"a debugger is attached to this process ({module})"
    if any(_is_in_bdb(frame) for frame in sys._current_frames().values()):
        return "a thread of this process stands in a debugger (pdb)"
    return ""


def _says_yes(told: object) -> bool:
    return bool(told() if callable(told) else told)


def _is_in_bdb(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "interaction" and frame.f_globals.get("__name__") == "pdb":
            return True
        frame = frame.f_back
    return False
