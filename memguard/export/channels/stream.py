"""A stream in Redis: `redis://host:6379/0?stream=memguard`; each alert is one entry with its JSON in the field `alert`."""

import json
from urllib.parse import parse_qs, urlsplit, urlunsplit

import redis

from memguard.export.alerts.alarm import Notice
from memguard.export.channels import SECONDS_MOST, host_of

ENTRIES_MOST = 10_000


class Stream:
    """Adds to one stream, which keeps about the last `ENTRIES_MOST`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._stream = parse_qs(parts.query)["stream"][0]
        self._address = urlunsplit(parts._replace(query=""))
        self.name = host_of(address)

    def send(self, notice: Notice, service: str) -> None:
        """Add it; raise where Redis is away."""
        limits = {"socket_timeout": SECONDS_MOST, "socket_connect_timeout": SECONDS_MOST}
        client = redis.Redis.from_url(self._address, **limits)
        try:
            client.xadd(
                self._stream, {"alert": json.dumps(notice.body(service))}, maxlen=ENTRIES_MOST, approximate=True
            )
        finally:
            client.close()
