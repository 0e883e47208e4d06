"""What memguard adds to the head of a response."""

from memguard.asgi.endpoint import Message, Scope
from memguard.safety import Part
from memguard.wiring.guard import Guard, Unit

_part = Part("figures in the heads of ASGI responses")


def closing(scope: Scope, message: Message) -> Message:
    """Return the head of a response of a worker on its way out: with the word that its connection ends with it."""
    if not scope.get("http_version", "").startswith("1"):
        return message
    headers = [(name, text) for name, text in message.get("headers", ()) if name.lower() != b"connection"]
    return {**message, "headers": [*headers, (b"connection", b"close")]}


def timed(guard: Guard, unit: Unit, message: Message) -> Message:
    """Return the head of a response with the unit's figures for the browser, in trace mode."""
    with _part:
        timings = guard.timings(unit)
        if timings:
            headers = [*message.get("headers", ()), (b"server-timing", timings.encode("latin-1"))]
            return {**message, "headers": headers}
    return message
