"""What may be added to the head of a WSGI response: timings in trace mode, and on the way out a word for one server."""

from memguard.recycling.servers import detect
from memguard.safety import Part
from memguard.wiring.guard import Guard, Unit

Headers = list[tuple[str, str]]

_timing = Part("timing WSGI responses")
_closing = Part("closing connections of a worker that leaves")


def timed(guard: Guard, unit: Unit, headers: Headers) -> Headers:
    """Return the headers with the unit's deltas so far, where there are any."""
    with _timing:
        timings = guard.timings(unit)
        if timings:
            return [*headers, ("Server-Timing", timings)]
    return headers


def closing(headers: Headers) -> Headers:
    """Return the headers of a worker on its way out: with `Connection: close`, but only where its server wants that."""
    with _closing:
        if detect().closes_by_header:
            return [*(each for each in headers if each[0].lower() != "connection"), ("Connection", "close")]
    return headers
