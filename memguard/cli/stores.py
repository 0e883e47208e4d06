"""Which store a command reads, and of which service."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memguard.cli.command import CommandError
from memguard.model import Stored
from memguard.settings import Settings
from memguard.store import Store, bounds_of, open_file
from memguard.store.places import SUFFIX, default_file, examine_place, explicit_file, is_redis

if TYPE_CHECKING:
    from memguard.store.redis_origin import RedisOrigin


@dataclass(frozen=True, slots=True)
class Read:
    """What a store holds, and what there is to say of the store."""

    place: str
    service: str
    stored: Stored
    notes: tuple[str, ...]


def store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a store and a service."""
    parser.add_argument(
        "--store",
        metavar="PLACE",
        help="the store's file, the directory it lies in, or the address of a Redis (default: as for a worker started here)",
    )
    parser.add_argument("--service", metavar="NAME", help="the service, where the store holds several")


@dataclass(frozen=True, slots=True)
class Opened:
    """A store that is open, and of which service.

    Attributes:
        address: What the setting `store` takes.
        place: The same as it may be shown.
        is_told: It holds something of the service.
        others: Which other services have a store beside it, in words.
    """

    address: str
    place: str
    service: str
    store: Store
    is_told: bool
    others: str = ""


@contextmanager
def opened(place: str | None, service: str | None, *, to_ask: bool = False, waits: bool = False) -> Iterator[Opened]:
    """Open the store at a place until the block ends; None for what a worker started here would use.

    Args:
        place: A file, a directory, or the address of a Redis.
        service: None where the store holds only one.
        to_ask: Workers are to be asked for something, so it is written, too. It must be there already.
        waits: The service need not have told anything yet, where it is named.

    Raises:
        CommandError: There is no such store, or no such service in it.
        SettingsError, WrongFileError, OSError, sqlite3.Error: It cannot be read.
    """
    address = place if place is not None else _settings(service).store
    if is_redis(address):
        yield from _opened_redis(str(address), service, waits=waits)
        return
    path = _path(place, service)
    try:
        store = open_file(path, service or "", read_only=not to_ask)
    except FileNotFoundError as error:
        others = _others(path) if place is None and service is None else ""
        raise CommandError(f"{error}; {others}" if others else str(error)) from None
    try:
        services = store.services()
        store.service = chosen(services, str(path), service, unnamed=path.stem, waits=waits)
        others = _others(path) if service is None else ""
        yield Opened(str(path), str(path), store.service, store, store.service in services, others)
    finally:
        store.close()


def _opened_redis(address: str, service: str | None, *, waits: bool) -> Iterator[Opened]:
    origin = redis_origin(address, service or "")
    try:
        services = origin.open().services()
        name = chosen(services, origin.place, service, unnamed=Settings.load().service, waits=waits)
        yield Opened(address, origin.place, name, redis_origin(address, name).open(), name in services)
    except origin.faults as error:
        raise CommandError(f"{origin.place}: {origin.words(error)}") from None


def read(place: str | None, service: str | None) -> Read:
    """Return what the store at a place holds of a service; raise what `opened` raises."""
    with opened(place, service) as found:
        stored = found.store.read()
    return Read(found.place, found.service, stored, (found.others,) if found.others and not stored.workers else ())


def redis_origin(address: str, service: str) -> "RedisOrigin":
    """Return a store in Redis; raise SettingsError where its address cannot be read, or its client is missing."""
    settings = Settings.load({"store": address}, environ={})
    examine_place(settings)
    from memguard.store.redis_origin import RedisOrigin

    return RedisOrigin(address, service, bounds_of(settings))


def chosen(services: list[str], place: str, asked: str | None, *, unnamed: str, waits: bool = False) -> str:
    """Return the service that is meant of those that a store holds; `unnamed` where it holds none and none is asked for.

    Args:
        services: Their names.
        place: Of the store, as it may be shown.
        asked: The name that was given.
        unnamed: What it is where nobody says so.
        waits: One that was given need not be there yet.

    Raises:
        CommandError: Several may be meant, or the one that was asked for is not there.
    """
    if asked is None and len(services) <= 1:
        return services[0] if services else unnamed
    if asked in services or (waits and asked is not None):
        return str(asked)
    names = ", ".join(services) or "none yet"
    if asked is None:
        raise CommandError(f"the store {place} holds several services; name one with --service: {names}")
    raise CommandError(f"the store {place} holds nothing of a service {asked!r}; it holds: {names}")


def _settings(service: str | None) -> Settings:
    return Settings.load({"service": service} if service else None)


def _others(path: Path) -> str:
    """Say which services have a store beside a path, empty where none has."""
    names = ", ".join(sorted(each.stem for each in path.parent.glob(f"*{SUFFIX}") if each != path))
    return f"other services have one beside it, name one with --service: {names}" if names else ""


def _path(place: str | None, service: str | None) -> Path:
    if place is None:
        settings = _settings(service)
        return Path(default_file(settings.service) if settings.store is None else explicit_file(settings))
    path = Path(place).expanduser()
    if not path.is_dir():
        return path
    if service is not None:
        return path / f"{service}{SUFFIX}"
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(each.stem for each in found)
        what = f"several stores; name one of its services with --service: {names}" if found else "no store"
        raise CommandError(f"the directory {place} holds {what}")
    return found[0]
