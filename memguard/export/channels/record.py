"""The log: one structured record on the logger `memguard.alerts`."""

import logging

from memguard.export.alerts.alarm import Notice

log = logging.getLogger("memguard.alerts")


class Log:
    """Logs it; the record has the alert as a dict in its attribute `alert`."""

    name = "log"

    def send(self, notice: Notice, service: str) -> None:
        """Log it, as a warning, or as information that it is over."""
        level = logging.INFO if notice.state == "resolved" else logging.WARNING
        log.log(level, "%s: %s", notice.title(service), notice.words(), extra={"alert": notice.body(service)})
