"""The end of an application's lifespan: its worker has ended in order, and memguard says goodbye with it."""

from memguard.asgi.endpoint import Scope
from memguard.safety import Part
from memguard.wiring.guard import Guard

_parting = Part("the end of a lifespan")


def part(scope: Scope) -> None:
    """Say goodbye where an application's lifespan is over: the worker has ended in order.

    A server that ends itself by the signal that it was sent, as uvicorn does, runs nothing of Python's at its exit.
    """
    if scope["type"] == "lifespan":
        with _parting:
            guard = Guard.current()
            if guard is not None:
                guard.close()
