"""What pytest writes down of a test, emptied before each repetition: else a test would see what it did the last time.

It would also look like residue. These are insides of pytest; where one is not as it is known, it is left alone.
"""

import warnings
from typing import Any

import pytest
from _pytest.logging import caplog_handler_key


class Recorders:
    """Captured output, log records and warnings of one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        manager = item.config.pluginmanager
        self._capture: Any = manager.get_plugin("capturemanager")
        self._logging: Any = manager.get_plugin("logging-plugin")
        self._warned: list[Any] = _recorder()
        self._warned_before = len(self._warned)
        self._first: tuple[str, str] | None = None
        self._first_warnings: list[Any] = []

    def empty(self) -> None:
        """Forget what the last run has said; what the first one said is kept for the report."""
        if self._capture is not None:
            out, err = self._capture.read_global_capture()
            fixture = getattr(self._capture, "_capture_fixture", None)
            if fixture is not None:
                fixture.readouterr()
            if self._first is None:
                self._first = out, err
                self._first_warnings = self._warned[self._warned_before :]
        del self._warned[self._warned_before :]
        handler = self._item.stash.get(caplog_handler_key, None)
        if handler is not None:
            handler.clear()
        report = getattr(self._logging, "report_handler", None)
        if report is not None:
            report.reset()

    def put_back(self) -> None:
        """Let the report show what the first run said, and the last one no more than those before it."""
        self.empty()
        self._warned[self._warned_before :] = self._first_warnings
        for name, text in zip(("stdout", "stderr"), self._first or (), strict=False):
            if text:
                self._item.add_report_section("call", name, text)


def _recorder() -> list[Any]:
    """Return the list that warnings go to now; one that nobody looks at where it is not known."""
    found = getattr(getattr(warnings, "_showwarnmsg_impl", None), "__self__", None)
    return found if isinstance(found, list) else []
