"""Advisory locks that die with their process."""

try:
    import fcntl
except ImportError:  # no POSIX system
    fcntl = None  # type: ignore[assignment]


def take(file: int) -> bool:
    """Lock an open file, for as long as it or a copy of it is open; return False where somebody else has it.

    Raises:
        OSError: There are no such locks here.
    """
    if fcntl is None:
        raise OSError("this platform has no advisory locks")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
