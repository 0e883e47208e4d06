"""Snapshots of allocations, from files and from the store: both are named in the same place."""

import argparse
import re
from pathlib import Path

from memguard import allocations
from memguard.allocations import Allocations, WrongSnapshotError
from memguard.cli.command import CommandError
from memguard.cli.completing import offers
from memguard.cli.stores import opened, store_arguments
from memguard.store import Store

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def named_arguments(*arguments: argparse.Action) -> None:
    """Have a shell offer files and what the store keeps for arguments that name snapshots."""
    for each in arguments:
        offers(each, ids, files=True)


def kept_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say in which store an id is looked up."""
    store_arguments(parser)


def ids(store: Store) -> list[str]:
    """Return the ids of the snapshots that a store keeps, newest first."""
    return [kept.id for _, kept in store.allocations()]


def body_of(store: Store, wanted: str) -> bytes:
    """Return a snapshot of the store; raise CommandError where it keeps none of that id."""
    body = store.allocations_of(wanted)
    if body is None:
        names = ", ".join(ids(store)) or "none"
        raise CommandError(f"no snapshot {wanted!r} is kept; kept are: {names}")
    return body


def read(named: str, asked: argparse.Namespace) -> Allocations:
    """Return the snapshot of a file, or of the store where it is an id and no file of that name is there.

    Raises:
        CommandError: There is none, or it cannot be read.
    """
    path = Path(named)
    try:
        if _ID.fullmatch(named) and not path.exists():
            with opened(asked.store, asked.service) as found:
                return allocations.unpacked(body_of(found.store, named))
        return allocations.read(path)
    except WrongSnapshotError as error:
        raise CommandError(f"{named}: {error}") from None
    except OSError as error:
        raise CommandError(f"{named}: {error.strerror or error}") from None
