"""A store as a worker left it, and the command line in this very process."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memguard import cli
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return a store that holds nothing yet."""
    with closing(SqliteStore(Database(str(tmp_path / "shop.sqlite")), "shop")) as made:
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command, for its exit code, its output and its complaints."""

    def command(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(each) for each in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command
