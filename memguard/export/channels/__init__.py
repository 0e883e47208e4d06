"""Channels: where alerts go, one file each. A new one is a file here and its entry in `channel`."""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from memguard.export.alerts.alarm import Notice

SECONDS_MOST = 5.0
"""No channel waits longer for its receiver at a time."""


class Channel(Protocol):
    """A receiver of alerts."""

    @property
    def name(self) -> str:
        """What it is called in the log and in events: without passwords, tokens and paths."""

    def send(self, notice: Notice, service: str) -> None:
        """Send a notice, or raise whatever happens; it is tried again later."""


def channel(written: "str | Callable[..., Any]") -> Channel:
    """Return the channel that a setting names; it has been checked (`memguard.alerting.parse_channel`)."""
    if callable(written):
        from memguard.export.channels.call import Call

        return Call(written)
    scheme, _, rest = written.partition(":")
    if scheme == "log":
        from memguard.export.channels.record import Log

        return Log()
    if scheme in {"http", "https"} or scheme.startswith("slack+"):
        from memguard.export.channels.webhook import Webhook

        return Webhook(written.removeprefix("slack+"), is_slack=scheme.startswith("slack+"))
    if scheme in {"smtp", "smtps"}:
        from memguard.export.channels.mail import Mail

        return Mail(written)
    if scheme == "celery":
        from memguard.export.channels.task import Task

        return Task(rest)
    from memguard.export.channels.stream import Stream

    return Stream(written)


def host_of(address: str) -> str:
    """Return scheme and host of an address, which is all of it that may be shown."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}"
