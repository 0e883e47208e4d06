"""A callable of the application's: it gets the alert as a dict, in memguard's own thread."""

from collections.abc import Callable
from typing import Any

from memguard.export.alerts.alarm import Notice


class Call:
    """Calls it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.name = str(getattr(function, "__qualname__", "a callable"))

    def send(self, notice: Notice, service: str) -> None:
        """Call it; what it raises is taken for a receiver that is away."""
        self._function(notice.body(service))
