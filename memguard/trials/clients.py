"""What a test client leaves by itself, run after run: that is nobody's leak, and no unit of the service does it.

Django's connects signals around every request, each time with a finalizer on the receiver, and the receivers live as long
as the process or the client. Only what is allocated so counts as the client's: a signal that the application connects
comes by the application's own line.
"""

from collections.abc import Iterable

from memguard.explain.holders import Found
from memguard.readings import Trace

_CLIENT = "django/test/client.py"
_BETWEEN = ("django/dispatch/dispatcher.py", "/weakref.py")
_FINALIZERS = "weakref.finalize"
_REGISTRY = f"{_FINALIZERS}._registry"


def is_a_clients(traces: Iterable[Trace]) -> bool:
    """Tell whether all of these allocations, one at least, are a test client's own."""
    traces = tuple(traces)
    return bool(traces) and all(_is_a_clients(trace.frames) for trace in traces)


def _is_a_clients(frames: Iterable[tuple[str, int]]) -> bool:
    file = next((file for file, _ in frames if not file.endswith(_BETWEEN)), "")
    return file.endswith(_CLIENT)


def is_their_registry(container: Found, of_clients: Iterable[tuple[str, float]]) -> bool:
    """Tell whether a container is where finalizers are listed, and has grown by those of a client alone.

    Args:
        container: One that grows.
        of_clients: Types of objects that a client has left, with how many a run.
    """
    own = sum(count for name, count in of_clients if name == _FINALIZERS)
    return container.holder.path.startswith(_REGISTRY) and container.holder.growth_per_unit < own + 0.5
