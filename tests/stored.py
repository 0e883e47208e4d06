"""What the processes of a service have written into a store's file."""

from contextlib import closing
from pathlib import Path

from memguard.model import Stored
from memguard.store import open_file


def read_stored(path: Path, service: str) -> Stored:
    """Return what the file holds for the service; nothing before it is there."""
    try:
        store = open_file(path, service)
    except FileNotFoundError:
        return Stored()
    with closing(store):
        return store.read()
