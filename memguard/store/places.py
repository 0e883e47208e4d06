"""Where a store's file lies: the path that was set, or a private directory that outlives the workers."""

import os
import stat
import tempfile
from pathlib import Path

from memguard import parsing
from memguard.settings import Settings, SettingsError
from memguard.store.schema import WrongFileError, examine_file

SUFFIX = ".sqlite"
ALLOWED = "expected the path of a file that memguard made, of one that does not exist yet, or of a directory"


def default_file(service: str) -> str:
    """Return the path of the service's file in this user's private runtime directory, which is made where missing.

    Found anew in every process: workers may run as another user than the process that started them.

    Raises:
        OSError: No such directory can be had, or it is not private; the message says why.
    """
    return str(runtime_directory() / f"{service}{SUFFIX}")


def runtime_directory() -> Path:
    """Return `$XDG_RUNTIME_DIR/memguard` where that is usable, else `memguard-<uid>` in the temporary directory."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        try:
            require_private(Path(runtime))
            return made_private(Path(runtime) / "memguard")
        except OSError:
            pass
    return made_private(Path(tempfile.gettempdir()) / f"memguard-{_user()}")


def made_private(directory: Path) -> Path:
    """Make a directory that only this user can enter, or raise OSError where something else has its name."""
    try:
        directory.mkdir(0o700)
    except FileExistsError:
        require_private(directory)
    return directory


def require_private(directory: Path, *, user: int | None = None) -> None:
    """Raise OSError unless the path itself is a directory of the user's (by default: ours) and of no one else's.

    The temporary directory is everyone's: whoever makes `memguard-<uid>` first could otherwise read what memguard
    writes, or have it write through a link.
    """
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a directory"
        raise PermissionError(f"{directory} is {what}")
    if found.st_uid != (_user() if user is None else user):
        raise PermissionError(f"{directory} belongs to another user (uid {found.st_uid})")
    if found.st_mode & 0o077:
        raise PermissionError(f"{directory} is open to others (mode {stat.S_IMODE(found.st_mode):04o}, not 0700)")


def is_redis(place: str | None) -> bool:
    """Tell whether a store is in Redis, by what was set."""
    return place is not None and place.startswith(parsing.REDIS_SCHEMES)


def examine_place(settings: Settings) -> None:
    """Raise SettingsError where the store that was set can never work, and return where it may."""
    if not settings.store:
        return
    if not is_redis(settings.store):
        explicit_file(settings)
        return
    try:
        from memguard.store.redis_origin import connect
    except ImportError:
        raise SettingsError(
            "memguard setting store: a store in Redis needs the redis package: install memguard-web[redis]"
        ) from None
    try:
        connect(settings.store).close()
    except (ValueError, TypeError) as error:
        raise SettingsError(f"memguard setting store: the address of Redis cannot be read: {error}") from None


def explicit_file(settings: Settings) -> str:
    """Return the absolute path of the file that `settings.store` asks for; a directory gets `<service>.sqlite`.

    Raises:
        SettingsError: Something else lies there. What may pass (a full disk, a missing right) is no error here.
    """
    written = settings.store or ""
    path = Path(written).expanduser().absolute()
    if written.endswith("/") or path.is_dir():
        path /= f"{settings.service}{SUFFIX}"
    try:
        examine_file(path)
    except WrongFileError as error:
        raise SettingsError(f"memguard setting store={written!r}: {error}; {ALLOWED}") from None
    return str(path)


def workers_directory(settings: Settings, *, make: bool = True) -> Path:
    """Return the private directory in which a service's workers agree on who leaves.

    Args:
        settings: Which service, and where its store is.
        make: Make it where it is missing.

    Raises:
        OSError: It cannot be made, or is not private; the message says why.
    """
    written = settings.store
    if written is None or "://" in written:
        beside = runtime_directory()
    else:
        path = Path(written).expanduser().absolute()
        beside = path if written.endswith("/") or path.is_dir() else path.parent
    directory = beside / f"{settings.service}.workers"
    if not make:
        return directory
    with_directory(str(directory))
    return made_private(directory)


def with_directory(path: str) -> str:
    """Return the path once its directory exists; missing ones are made, closed to others."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH103, PTH120 (Path.mkdir gives parents no mode)
    return path


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
