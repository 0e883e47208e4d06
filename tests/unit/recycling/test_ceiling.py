"""The state machine, by histories: what a worker used, four times a second, and what followed."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from memguard.recycling.ceiling import (
    HOLD_SECONDS,
    Action,
    Brake,
    Reading,
    Recycling,
)
from memguard.recycling.hoping import IN_HAND_SECONDS, RELIEF_REST_SECONDS, SECONDS_BETWEEN_RELIEFS
from memguard.recycling.limits import Limits

MB = 1_000_000
STEP = 0.25
OLD: dict[str, Any] = {"uptime": 3600.0, "min_uptime": 30.0}
SOFT = Limits(soft=500 * MB, samples=4)
BOTH = Limits(soft=500 * MB, hard=800 * MB, samples=4)
WARNED = Limits(soft=500 * MB, hard=800 * MB, samples=4, warns=400 * MB)


class Worker:
    """A worker whose memory is told, and that does what its machine asks for.

    Attributes:
        happened: Moment and name of everything that was asked for.
    """

    def __init__(self, limits: Limits, *, gives_back: float = 0.0, slot: str = "") -> None:
        self.machine = Recycling(limits)
        self.machine.note(100 * MB)
        self.now = 1000.0
        self.happened: list[tuple[float, Action]] = []
        self._gives_back = gives_back
        self._slot = slot

    def lives(self, used: Iterable[float], **known: Any) -> list[Action]:
        """Live through readings, in megabytes; return what was asked for."""
        before = len(self.happened)
        for each in used:
            self.now += STEP
            self._act(self.machine.sample(Reading(self.now, round(each * MB), **{**OLD, **known})), each)
        return [action for _, action in self.happened[before:]]

    def phase(self) -> str:
        """Tell where it is."""
        return self.machine.phase

    def _act(self, action: Action, used: float) -> None:
        if action:
            self.happened.append((self.now, action))
        if action == "relieve":
            self.machine.relieved(self.now, round(used * MB), round(used * (1 - self._gives_back) * MB))
        elif action == "leave" or (action == "ask" and not self._slot):
            self.machine.granted(self.now)
        elif action == "ask":
            self.machine.denied(self._slot)


def test_a_worker_that_leaks() -> None:
    """Over the ceiling so many times in a row it gives back what it can, and then asks for the slot."""
    worker = Worker(SOFT)

    assert worker.lives(range(400, 501, 10)) == []
    assert worker.lives([510, 520, 530]) == []
    assert worker.lives([540]) == ["relieve"]
    assert worker.phase() == "wants"
    assert worker.lives([550]) == ["ask"]
    assert worker.phase() == "holds"
    assert worker.lives([560, 570]) == []


def test_a_spike_that_goes_away_by_itself() -> None:
    """Readings in a row, and not a peak: one that comes back in time asks for nothing, however often it comes."""
    worker = Worker(SOFT)

    assert worker.lives([900, 900, 900, 499] * 50) == []
    assert worker.phase() == "ok"


def test_at_the_ceiling() -> None:
    """A ceiling is what may be used: to lie at it is not to be over it."""
    worker = Worker(BOTH)

    assert worker.lives([500] * 20) == []
    assert worker.lives([800] * 3) == []


@pytest.mark.parametrize("gives_back", [0.2, 0.5])
def test_relief_that_is_enough(gives_back: float) -> None:
    """What a collection or a trim gives back is not a reason to leave, and is tried again, once a minute at most."""
    worker = Worker(SOFT, gives_back=gives_back)
    for _ in range(400):
        worker.lives([*range(300, 600, 100), *[590] * 4, 590 * (1 - gives_back)])
    moments = [at for at, action in worker.happened if action == "relieve"]

    assert {action for _, action in worker.happened} == {"relieve"}
    assert len(moments) > 5
    assert min(later - earlier for earlier, later in pairwise(moments)) >= SECONDS_BETWEEN_RELIEFS


def test_waiting_for_relief_that_helps() -> None:
    """Over the ceiling again within the minute, it waits for the relief that has helped before; without avail it leaves."""
    worker = Worker(SOFT, gives_back=0.3)
    assert worker.lives([550] * 4) == ["relieve"]
    assert worker.phase() == "ok"
    waited = worker.lives([550] * int((SECONDS_BETWEEN_RELIEFS - 10 * STEP) / STEP))
    assert (waited, worker.phase()) == ([], "relief")
    worker._gives_back = 0.01

    assert worker.lives([550] * 20) == ["relieve", "ask"]


def test_growth_beyond_what_relief_gave_back() -> None:
    """It waits no longer than what relief gave back the last time would be enough again: a fast leak does not wait a minute."""
    worker = Worker(SOFT, gives_back=0.2)
    assert worker.lives([550] * 4) == ["relieve"]
    assert worker.lives([560, 580, 600, 610]) == []
    assert worker.phase() == "relief"

    assert worker.lives([611]) == ["ask"]


def test_relief_that_is_not_worth_it() -> None:
    """Relief that gave back next to nothing rests: the next time the worker leaves without."""
    worker = Worker(SOFT, gives_back=0.02)
    assert worker.lives([505] * 4) == ["relieve"]
    assert worker.phase() == "ok", "495 MB were enough"
    assert worker.lives([510] * 4) == ["ask"]

    another = Worker(SOFT, gives_back=0.02)
    another.lives([505] * 4)
    another.now += RELIEF_REST_SECONDS
    assert another.lives([510] * 4) == ["relieve"]


def test_while_relief_is_under_way() -> None:
    """It is asked for once; readings meanwhile ask for nothing, and memory that comes back by itself ends it."""
    machine = Recycling(SOFT)
    machine.note(100 * MB)
    actions = [machine.sample(Reading(number * STEP, 600 * MB, **OLD)) for number in range(10)]
    assert actions == ["", "", "", "relieve", *[""] * 6]
    assert machine.sample(Reading(99.0, 400 * MB, **OLD)) == ""
    assert machine.phase == "ok"
    machine.relieved(100.0, 600 * MB, 590 * MB)

    assert machine.phase == "ok"


def test_relief_while_a_unit_runs() -> None:
    """What a unit holds cannot be given back: once it has ended relief is tried again, and then counts."""
    machine = Recycling(SOFT)
    machine.note(100 * MB)
    known = {**OLD, "oldest": 7}
    assert [machine.sample(Reading(number * STEP, 600 * MB, **known)) for number in range(4)][-1] == "relieve"
    machine.relieved(1.0, 600 * MB, 590 * MB, in_hand=7)
    assert {machine.sample(Reading(1.25 + number * STEP, 600 * MB, **known)) for number in range(20)} == {""}
    known["oldest"] = 8
    assert machine.sample(Reading(7.0, 590 * MB, **known)) == "relieve"
    assert machine.relief.again
    machine.relieved(7.1, 590 * MB, 580 * MB, in_hand=9)

    assert machine.sample(Reading(7.25, 590 * MB, **known)) == "ask"


def test_relief_while_a_unit_runs_on_and_on() -> None:
    """A unit without an end is not waited for for ever."""
    machine = Recycling(SOFT)
    machine.note(100 * MB)
    known = {**OLD, "oldest": 7}
    for number in range(4):
        machine.sample(Reading(number * STEP, 600 * MB, **known))
    machine.relieved(1.0, 600 * MB, 590 * MB, in_hand=7)
    assert machine.sample(Reading(IN_HAND_SECONDS, 600 * MB, **known)) == ""

    assert machine.sample(Reading(IN_HAND_SECONDS + 1.0, 600 * MB, **known)) == "ask"


def test_the_hard_ceiling() -> None:
    """One reading over the hard one is enough: no relief, no slot; also where there is no soft one."""
    assert Worker(BOTH).lives([801]) == ["leave"]
    assert Worker(Limits(hard=800 * MB, samples=4)).lives([700, 799, 900]) == ["leave"]
    worker = Worker(BOTH, slot="another worker is leaving")
    assert worker.lives([600] * 6) == ["relieve", "ask", "ask"]
    assert worker.lives([801]) == ["leave"]


def test_back_before_it_left() -> None:
    """Below the ceiling again, a worker that wanted to leave stays, and gives the slot back."""
    worker = Worker(SOFT, slot="another worker is leaving")
    worker.lives([600] * 6)
    assert (worker.phase(), worker.machine.brake) == ("wants", Brake("slot", "another worker is leaving"))
    assert worker.lives([400]) == []
    assert (worker.phase(), worker.machine.brake) == ("ok", None)
    held = Worker(SOFT)
    held.lives([600] * 6)

    assert held.lives([400]) == ["release"]
    assert held.phase() == "ok"
    assert held.lives([600] * 3) == []


@pytest.mark.parametrize("phase", ["draining", "leaving"])
def test_no_way_back(phase: str) -> None:
    """Once its server has been asked, nothing that is read keeps a worker."""
    worker = Worker(SOFT)
    worker.lives([600] * 6)
    (worker.machine.drains if phase == "draining" else worker.machine.leaves)(worker.now)

    assert worker.lives([400, 900, 400]) == []
    assert worker.phase() == phase


BRAKES: list[tuple[str, dict[str, Any], str]] = [
    ("uptime", {"uptime": 12.0, "min_uptime": 30.0}, "served for 12 s and has to for 30 s"),
    ("server", {"refusal": Brake("server", "memguard does not know it")}, "memguard does not know it"),
    ("idle", {"is_busy": False}, "at the end of its next unit"),
]


@pytest.mark.parametrize(("kind", "known", "words"), BRAKES, ids=[kind for kind, *_ in BRAKES])
@pytest.mark.parametrize("limits", [SOFT, Limits(hard=500 * MB)], ids=["soft", "hard"])
def test_brakes(limits: Limits, kind: str, known: dict[str, Any], words: str) -> None:
    """A brake keeps a worker that is over either ceiling, in words, for as long as it holds."""
    worker = Worker(limits)
    worker.lives([600] * 20, **known)
    brake = worker.machine.brake
    assert (worker.phase(), brake is not None and brake.kind) == ("wants", kind)
    assert words in (brake.words if brake is not None else "")
    assert {action for _, action in worker.happened} <= {"relieve"}

    assert worker.lives([600])[-1] in {"ask", "leave"}


@pytest.mark.parametrize("limits", [SOFT, Limits(hard=500 * MB)], ids=["soft", "hard"])
@pytest.mark.parametrize("lowest", [500, 520])
def test_a_baseline_over_the_ceiling(limits: Limits, lowest: int) -> None:
    """A worker that was at or over the ceiling from its first unit on does not leave: the next one would be, too."""
    worker = Worker(limits)
    worker.machine.lowest = None
    worker.machine.note(lowest * MB)
    worker.lives([530] * 200)
    brake = worker.machine.brake

    assert (worker.phase(), brake is not None and brake.kind) == ("wants", "baseline")
    assert f"never used less than {lowest} MB" in (brake.words if brake is not None else "")


def test_a_baseline_that_was_a_spike() -> None:
    """Where it has been below the ceiling since, it was no baseline, and a leak is a leak."""
    worker = Worker(SOFT)
    worker.machine.lowest = 700 * MB
    worker.lives([700] * 10)
    assert worker.phase() == "wants"
    worker.lives([300])

    assert "ask" in worker.lives([600] * 6)


def test_what_is_only_reported() -> None:
    """Where nothing is to be done, nothing is: no collection either."""
    worker = Worker(BOTH)

    assert worker.lives([900] * 50, refusal=Brake("setting", "the setting `recycle` is `report`")) == []
    assert worker.phase() == "wants"


def test_a_ceiling_that_only_warns() -> None:
    """Above it nothing is done, once there are enough readings in a row it is said, and below it nothing is left of that."""
    worker = Worker(Limits(warns=500 * MB, samples=4))
    worker.lives([600] * 3)
    assert worker.phase() == "ok"
    assert worker.lives([600] * 20) == []
    brake = worker.machine.brake
    assert (worker.phase(), brake is not None and brake.kind) == ("wants", "setting")
    assert worker.machine.limit == 500 * MB
    assert not worker.machine.is_over(600 * MB)
    worker.lives([400])

    assert (worker.phase(), worker.machine.brake) == ("ok", None)


def test_a_warning_before_a_hard_ceiling() -> None:
    """A soft ceiling that only warns keeps no worker that is over a hard one, and that one is the reason."""
    worker = Worker(Limits(hard=800 * MB, warns=500 * MB, samples=4))
    assert worker.lives([600] * 20) == []

    assert worker.lives([850]) == ["leave"]
    crossed = worker.machine.crossed
    assert worker.machine.limit == 800 * MB
    assert (crossed.used if crossed is not None else 0) == 850 * MB


@pytest.mark.parametrize("warns", [300, 700])
def test_a_warning_beside_a_soft_ceiling(warns: int) -> None:
    """Whether it warns sooner or later, the ceiling that acts does so in its own time, with relief and in its turn."""
    worker = Worker(Limits(soft=500 * MB, warns=warns * MB, samples=4))
    assert worker.lives([400] * 20) == []
    assert worker.phase() == ("wants" if warns < 400 else "ok")
    assert worker.lives([800] * 3) == []
    assert worker.lives([800] * 2) == ["relieve", "ask"]
    assert (worker.machine.urgent, worker.machine.limit) == (False, 500 * MB)

    assert worker.lives([400]) == ["release"]
    assert worker.phase() == "ok"


def test_somebody_wants_one_replaced_that_is_warned_of() -> None:
    """What only warns keeps nobody."""
    worker = Worker(Limits(warns=500 * MB))
    worker.lives([600] * 3)
    worker.machine.wished = True

    assert worker.lives([600]) == ["ask"]


def test_relief_where_it_cannot_leave() -> None:
    """For a worker that cannot be replaced relief is all there is: it comes again after its rest."""
    worker = Worker(SOFT)
    refusal = Brake("server", "memguard does not know it")
    worker.lives([600] * int(RELIEF_REST_SECONDS * 2.5 / STEP), refusal=refusal)

    assert [action for _, action in worker.happened] == ["relieve"] * 3


def test_a_slot_that_is_not_used() -> None:
    """A worker with nothing to leave with gives the slot back after a moment, and asks again with its next unit."""
    worker = Worker(SOFT)
    worker.lives([600] * 5)
    assert worker.phase() == "holds"
    assert worker.lives([600] * int(HOLD_SECONDS / STEP), is_busy=False) == ["release"]
    assert worker.machine.brake == Brake("idle", "nothing is running, and it leaves at the end of its next unit")
    assert worker.lives([600] * 20, is_busy=False) == []

    assert worker.lives([600]) == ["ask"]


def test_a_refusal_that_comes_late() -> None:
    """A server that turns out to be otherwise than expected, or a debugger that was attached, is heeded to the last."""
    worker = Worker(SOFT)
    worker.lives([600] * 5)

    assert worker.lives([600], refusal=Brake("surroundings", "a debugger is attached")) == ["release"]
    assert worker.machine.brake == Brake("surroundings", "a debugger is attached")


def test_a_worker_that_somebody_wants_replaced() -> None:
    """Asked for, it takes the slot whatever it uses and however young it is; only what cannot be is refused."""
    worker = Worker(Limits())
    worker.machine.wished = True
    assert worker.lives([50], uptime=1.0, refusal=Brake("server", "no")) == []
    assert worker.lives([50], uptime=1.0, is_busy=False) == []

    assert worker.lives([50, 50], uptime=1.0) == ["ask"]
    assert worker.phase() == "holds"


def test_one_that_stayed() -> None:
    """A worker that was asked to leave and did not begins anew."""
    worker = Worker(SOFT)
    worker.lives([600] * 5)
    worker.machine.leaves(worker.now)
    worker.machine.stays()

    assert worker.phase() == "ok"
    assert worker.lives([600] * 4) == ["ask"]


def test_how_long_each_phase_took() -> None:
    """From the crossing on, each phase has its seconds; the last lasts until now."""
    worker = Worker(SOFT, slot="another worker is leaving")
    worker.lives([600] * 4)
    worker.lives([600] * 8)
    worker._slot = ""
    worker.lives([600] * 3)
    worker.machine.drains(worker.now)
    worker.machine.leaves(worker.now + 1.5)
    crossed = worker.machine.crossed

    assert worker.machine.seconds(worker.now + 2.0) == {
        "relief": 0.0, "wants": 2.25, "holds": 0.5, "draining": 1.5, "leaving": 0.5,
    }  # fmt: skip
    assert (crossed.at, crossed.used) == (1001.0, 600 * MB) if crossed is not None else False


def histories() -> Sequence[Sequence[int]]:
    """Return many histories, over and under both ceilings in every order."""
    import random

    chance = random.Random(7)
    return [[chance.choice((300, 450, 520, 600, 850)) for _ in range(60)] for _ in range(300)]


def test_replayed() -> None:
    """The same history gives the same answers, at whatever moment and in whatever process it is replayed."""
    for history in histories():
        first, second = Worker(BOTH), Worker(BOTH)
        second.now = 77_777.0
        assert first.lives(history) == second.lives(history)
        assert first.phase() == second.phase()


@pytest.mark.parametrize("limits", [BOTH, WARNED], ids=["both", "and one that warns"])
def test_whatever_is_read(limits: Limits) -> None:
    """No history makes a worker ask or leave that is under both ceilings at that moment, or hold a slot twice."""
    for history in histories():
        worker, held = Worker(limits), False
        for used in history:
            for action in worker.lives([used]):
                assert used > 500 or action == "release"
                assert held == (action == "release")
                held = action in {"ask", "leave"} or (held and action != "release")
