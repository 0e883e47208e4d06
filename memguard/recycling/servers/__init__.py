"""One file a server. So far they only say which server runs this process; an unknown one is said to be unknown."""

from memguard.recycling.servers import gunicorn, uvicorn

UNKNOWN = "unknown"
_SERVERS = (gunicorn, uvicorn)


def detect() -> str:
    """Return the server's name with its worker class, like `gunicorn-gthread`; `unknown` where none is recognised.

    To be called once the process serves: before that, or in a master, the answer would be another one.
    """
    return next((name for server in _SERVERS if (name := server.detect()) is not None), UNKNOWN)
