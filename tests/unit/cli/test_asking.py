import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memguard.commands import Outcome, State
from memguard.model import WorkerId
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Run
from tests.unit.telling import told

SECONDS_MOST = 30.0


@contextmanager
def working(path: str, *pids: int, error: str = "") -> Iterator[list[str]]:
    """Have workers of another host do what they are asked for; give what they were asked, in its order."""
    done: list[str] = []
    stop = threading.Event()
    now = time.time()
    workers = [WorkerId("far", pid, now - 60) for pid in pids]
    store = SqliteStore(Database(path), "shop")
    for each in workers:
        store.flush(told(each, at=now))

    def work() -> None:
        while not stop.wait(0.02):
            for each in workers:
                for command in store.take_commands(each, time.time()):
                    done.append(f"{command.action} {each.pid} {command.seconds:g}")
                    outcome = Outcome(1_000_000, 2_000_000, message="" if error else "It is done.", error=error)
                    state: State = "failed" if error else "done"
                    store.update_command(replace(command, state=state, outcome=outcome))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(SECONDS_MOST)
        store.close()


def test_the_only_worker_is_asked(store: SqliteStore, run: Run) -> None:
    """And what came of it is said, with its memory before and after."""
    with working(store.place, 7) as done:
        assert run("collect", "--store", store.place) == (
            0, "      7 on far  done     It is done.  RSS 1.00 MB -> 2.00 MB\n", "",
        )  # fmt: skip
        assert run("trace", "--seconds", "1m", "--store", store.place)[0] == 0
    assert done == ["collect 7 0", "trace 7 60"]


def test_of_several_workers_some_are_named(store: SqliteStore, run: Run) -> None:
    """Nothing that costs is done to all of them without a word, and a wrong name asks nobody."""
    with working(store.place, 7, 8) as done:
        assert run("recycle", "--store", store.place) == (
            2, "", "memguard: 2 workers are alive; name some with --worker, or say --all: 7, 8\n",
        )  # fmt: skip
        assert run("recycle", "--worker", "8", "--worker", "9", "--store", store.place) == (
            2, "", "memguard: --worker 9: no such worker is alive; alive are: 7, 8\n",
        )  # fmt: skip
        assert done == []
        assert run("recycle", "--worker", "far/8", "--store", store.place)[0] == 0
        assert run("trim", "--all", "--store", store.place)[0] == 0
    assert done[0] == "recycle 8 0"
    assert set(done[1:]) == {"trim 7 0", "trim 8 0"}


def test_a_worker_that_cannot_is_an_exit_code(store: SqliteStore, run: Run) -> None:
    """The JSON is that of the API."""
    with working(store.place, 7, error="There is no way."):
        code, out, complaint = run("recycle", "--json", "--store", store.place)

    said = json.loads(out)
    assert (code, complaint, said["service"]) == (1, "", "shop")
    assert [(each["action"], each["state"], each["result"]["error"]) for each in said["commands"]] == [
        ("recycle", "failed", "There is no way.")
    ]


def test_where_nobody_lives_nobody_is_asked(store: SqliteStore, run: Run) -> None:
    """Which is no mistake of whoever asked."""
    store.flush(told(at=1_000_000.0))

    assert run("trace", "--store", store.place) == (1, "", "memguard: no worker of the service 'shop' is alive\n")
    assert store.commands() == []


@pytest.mark.parametrize("seconds", ["0", "0.5", "11m", "-3", "soon"])
def test_a_wrong_time_is_said(seconds: str, store: SqliteStore, run: Run) -> None:
    """In one line, before anybody is asked."""
    code, out, complaint = run("trace", f"--seconds={seconds}", "--store", store.place)

    assert (code, out) == (2, "")
    assert complaint.startswith(f"memguard: --seconds {seconds}: expected ")
    assert complaint.count("\n") == 1


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, run: Run) -> None:
    """Whoever asks for something writes, but never a store of its own."""
    missing = tmp_path / "missing.sqlite"

    assert run("trim", "--store", missing) == (2, "", f"memguard: there is no memguard store at {missing}\n")
    assert not missing.exists()


def test_where_nobody_serves_the_operation_nothing_was_followed(store: SqliteStore, run: Run) -> None:
    """Which is no failure of the workers; a script is told by the exit code."""
    with working(store.place, 7, 8) as done:
        code, out, complaint = run("profile", "--operation", "GET /nobody", "--all", "--store", store.place)

    assert (code, complaint) == (1, "")
    assert sorted(" ".join(line.split()) for line in out.splitlines()) == [
        f"{pid} on far done It is done. RSS 1.00 MB -> 2.00 MB" for pid in (7, 8)
    ]
    assert set(done) == {"lines 7 60", "lines 8 60"}
