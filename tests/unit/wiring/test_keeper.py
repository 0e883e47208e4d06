import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

from memguard.wiring import keeper as keeping
from memguard.wiring.keeper import Keeper
from tests.unit.store.children import DEADLINE, until


class Rounds:
    """Counts the rounds, each of which may be held up."""

    def __init__(self) -> None:
        self.made = 0
        self.looks = 0
        self.is_bad = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.threads: set[threading.Thread] = set()
        self.keeper = Keeper(self.round, self.look)

    def round(self) -> None:
        """Do what a keeper does."""
        self.made += 1
        self.threads.add(threading.current_thread())
        self.may_go_on.wait(DEADLINE)

    def look(self) -> bool:
        """Tell whether it is a bad moment."""
        self.looks += 1
        return self.is_bad


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rounds]:
    """Return rounds that follow each other fast."""
    monkeypatch.setattr(keeping, "SECONDS_BETWEEN_ROUNDS", 0.01)
    monkeypatch.setattr(keeping, "SECONDS_BETWEEN_ROUNDS_MOST", 0.03)
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(keeping, "PATIENCE_SECONDS", 0.05)
    made = Rounds()
    yield made
    made.may_go_on.set()
    made.keeper.stop()


def test_rounds_follow_each_other(rounds: Rounds) -> None:
    """From its start on, in one daemon thread of its own."""
    rounds.keeper.start()
    until(lambda: rounds.made >= 5, "five rounds")
    (thread,) = rounds.threads

    assert thread is not threading.current_thread()
    assert (thread.daemon, thread.name) == (True, "memguard-keeper")


def test_nothing_happens_before_the_start(rounds: Rounds) -> None:
    """A keeper that was made only has no thread, and can be stopped."""
    before = threading.active_count()
    Keeper(rounds.round, rounds.look).stop()

    assert threading.active_count() == before
    assert rounds.made == 0


def test_stopped(rounds: Rounds) -> None:
    """After its stop the thread is gone, and there are no more rounds."""
    rounds.keeper.start()
    until(lambda: rounds.made, "a round")
    rounds.keeper.stop()
    made = rounds.made
    (thread,) = rounds.threads

    assert not thread.is_alive()
    assert rounds.made == made
    rounds.keeper.stop()


def test_stopped_in_the_middle_of_a_round(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that hangs is not waited for without end; it is the last one."""
    monkeypatch.setattr(keeping, "STOP_SECONDS_MOST", 0.05)
    rounds.may_go_on.clear()
    rounds.keeper.start()
    until(lambda: rounds.made, "a round")
    rounds.keeper.stop()
    (thread,) = rounds.threads
    assert thread.is_alive(), "it is still in its round"
    rounds.may_go_on.set()
    thread.join(DEADLINE)

    assert not thread.is_alive()
    assert rounds.made == 1


def test_stopped_by_its_own_round(rounds: Rounds) -> None:
    """A round that ends the watching does not wait for itself."""

    def end() -> None:
        rounds.round()
        keeper.stop()

    keeper = Keeper(end, rounds.look)
    keeper.start()
    until(lambda: rounds.made and not any(thread.is_alive() for thread in rounds.threads), "the end of the thread")

    assert rounds.made == 1


def test_a_bad_moment_puts_a_round_off(rounds: Rounds) -> None:
    """It looks again soon, and makes the round once the moment has passed."""
    rounds.is_bad = True
    rounds.keeper.start()
    until(lambda: rounds.looks >= 2, "two looks")
    rounds.is_bad = False
    until(lambda: rounds.made, "a round")

    assert rounds.looks >= 3


def test_a_bad_moment_that_does_not_pass(rounds: Rounds) -> None:
    """Patience has an end: the round is made all the same."""
    rounds.is_bad = True
    rounds.keeper.start()
    until(lambda: rounds.made >= 2, "two rounds")

    assert rounds.looks >= 2


def test_what_rounds_cost_is_known(rounds: Rounds) -> None:
    """The CPU seconds of all rounds add up, and only theirs."""
    work = [0.0]

    def busy() -> None:
        rounds.round()
        work[0] = sum(number * number for number in range(200_000))

    keeper = Keeper(busy, rounds.look)
    keeper.start()
    until(lambda: rounds.made >= 3, "three rounds")
    keeper.stop()

    assert keeper.seconds > 0
    assert Keeper(busy, rounds.look).seconds == 0


def test_a_costly_round_is_followed_by_a_longer_rest(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper uses no more than its share of a core, but is not kept from its rounds for ever either."""
    monkeypatch.setattr(keeping, "OWN_SHARE_MOST", 1e-9)
    rests: list[float] = []
    keeper = rounds.keeper
    rested = keeper._stopped_within

    def watched(seconds: float) -> bool:
        rests.append(seconds)
        return rested(seconds)

    monkeypatch.setattr(keeper, "_stopped_within", watched)
    keeper.start()
    until(lambda: rounds.made >= 3, "three rounds")
    keeper.stop()

    assert [rest for rest in rests if rest != keeping.LOOK_SECONDS][:3] == [0.01, 0.03, 0.03]


def test_a_system_that_refuses_threads(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said to whoever starts it, and a later stop does not fail over it."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="start new thread"):
            rounds.keeper.start()
    rounds.keeper.stop()


def test_the_end_of_the_process_is_not_held_up() -> None:
    """A process ends while its keeper is in the middle of a round that would last for hours."""
    script = """
        import threading
        from memguard.wiring import keeper as keeping

        keeping.SECONDS_BETWEEN_ROUNDS = 0.001
        entered = threading.Event()

        def round_():
            entered.set()
            threading.Event().wait(3600)

        keeping.Keeper(round_, lambda: False).start()
        assert entered.wait(60)
        print("main is done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True, timeout=DEADLINE
    )

    assert (done.stdout, done.stderr) == ("main is done\n", "")
