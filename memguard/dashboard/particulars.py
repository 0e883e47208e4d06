"""What an action of a command's body takes besides workers: seconds, what is to be followed, what is looked for."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from memguard.commands import (
    FUNCTIONS_MOST,
    TIMED,
    TRACE_SECONDS_MOST,
    UNITS_FOLLOWED,
    UNITS_FOLLOWED_MOST,
    Action,
    Following,
)
from memguard.inspection import INSPECT_SECONDS, INSPECT_SECONDS_MOST, MOST, MOST_MOST, NAMED, WAYS, Question

TRACE_SECONDS = 30.0
LINES_SECONDS = 60.0
NAME_MOST = 1_000


class RefusedError(Exception):
    """A command is not taken; the message says why, `status` says it to programs."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def following(told: Mapping[str, Any], action: Action) -> Following | None:
    """Return what is to be followed line by line, None for every other action."""
    if action != "lines":
        if others := sorted(told.keys() & {"operation", "units", "functions"}):
            raise RefusedError(400, f"{others[0]}: only the action lines takes it")
        return None
    operation, functions = told.get("operation"), told.get("functions", [])
    if not isinstance(operation, dict) or set(operation) != {"kind", "name"}:
        raise RefusedError(400, 'operation: expected one like {"kind": "request", "name": "GET /users/<id>"}')
    if not isinstance(functions, list) or len(functions) > FUNCTIONS_MOST:
        raise RefusedError(400, f"functions: expected a list of at most {FUNCTIONS_MOST}, like ['shop.tasks:bill']")
    units = told.get("units", UNITS_FOLLOWED)
    if type(units) is not int or not 1 <= units <= UNITS_FOLLOWED_MOST:
        raise RefusedError(400, f"units: expected a whole number from 1 to {UNITS_FOLLOWED_MOST}")
    names = [str(each)[:NAME_MOST] for each in (operation["kind"], operation["name"], *functions)]
    return Following(names[0], names[1], units, tuple(names[2:]))


def question(told: Mapping[str, Any], action: Action) -> Question | None:
    """Return what is wanted of objects, None for every other action."""
    if action != "inspect":
        if others := sorted(told.keys() & {"way", "name", "most"}):
            raise RefusedError(400, f"{others[0]}: only the action inspect takes it")
        return None
    way = next((each for each in WAYS if each == told.get("way")), None)
    if way is None:
        raise RefusedError(400, f"way: expected one of {', '.join(WAYS)}")
    name, most = told.get("name", ""), told.get("most", MOST)
    if not isinstance(name, str) or bool(name) != (way in NAMED):
        wanted = "the name of a type or a container, like 'shop.Order'" if way in NAMED else "nothing"
        raise RefusedError(400, f"name: expected {wanted} for {way}")
    if type(most) is not int or not 1 <= most <= MOST_MOST:
        raise RefusedError(400, f"most: expected a whole number from 1 to {MOST_MOST}")
    return Question(way, name[:NAME_MOST], most)


def seconds(told: object, action: Action) -> float:
    """Return how long an action lasts, 0.0 for one that does not."""
    if action not in TIMED:
        if told is not None:
            raise RefusedError(400, "seconds: only the actions trace, lines and inspect take them")
        return 0.0
    if told is None:
        return {"trace": TRACE_SECONDS, "lines": LINES_SECONDS}.get(action, INSPECT_SECONDS)
    most = INSPECT_SECONDS_MOST if action == "inspect" else TRACE_SECONDS_MOST
    is_number = isinstance(told, int | float) and not isinstance(told, bool) and abs(told) < 1e9 and isfinite(told)
    if not isinstance(told, int | float) or not is_number or not 1 <= told <= most:
        raise RefusedError(400, f"seconds: expected a number from 1 to {most:.0f}")
    return float(told)
