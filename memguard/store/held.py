"""What a worker told while the store was only busy: it is told with the next, and nobody hears of it."""

from dataclasses import replace

from memguard.model import Flush

SECONDS_MOST = 10.0
"""A store that has been busy for longer is not merely busy."""
UNITS_MOST = 5_000


class Held:
    """Flushes that are held back, as one."""

    def __init__(self) -> None:
        self._flush: Flush | None = None
        self._since = 0.0

    def put_before(self, flush: Flush) -> Flush:
        """Return what is held and the newest as one: what is whole is the newest's, the rest adds up."""
        held = self._flush
        if held is None:
            return flush
        findings = {each.fingerprint: each for each in (*held.findings, *flush.findings)}
        return replace(
            flush,
            findings=tuple(findings.values()),
            units=(held.units + flush.units)[-UNITS_MOST:],
            timeline=held.timeline + flush.timeline,
            events=held.events + flush.events,
        )

    def hold(self, flush: Flush, now: float) -> bool:
        """Hold what `put_before` returned, at a moment in seconds that only grow; False where that goes on too long."""
        if self._flush is None:
            self._since = now
        if now - self._since > SECONDS_MOST:
            return False
        self._flush = flush
        return True

    def take(self) -> Flush | None:
        """Return what is held, for the caller to tell; nothing is held any more."""
        flush, self._flush = self._flush, None
        return flush
