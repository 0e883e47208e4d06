from dataclasses import replace
from typing import Any

from memguard.dashboard.deploys import GENERATIONS_MOST, generations, history
from memguard.dashboard.merging import moment
from memguard.model import Judgement, Stored, WorkerId
from memguard.residue.ageing import OVERLAP_SECONDS
from tests.unit.telling import NOW, finding, judged, stats, worker

LEAK, CLEAN = judged("GET /leak", "leak", objects=2.0), judged("GET /leak", "clean")


def stored(*told: tuple[float, Judgement, int], **changed: Any) -> Stored:
    """Return a store with one worker for each start, verdict and number of units."""
    ids = [WorkerId("here", pid, start) for pid, (start, _, _) in enumerate(told)]
    return Stored(
        workers=tuple(worker(each, **changed) for each in ids),
        operations=tuple(
            (of, stats(judgement, units=units, sampled_units=units))
            for of, (_, judgement, units) in zip(ids, told, strict=True)
        ),
    )


def test_workers_that_start_together_are_one_generation() -> None:
    """Their units add up, the gravest verdict counts, and their rates are weighed by their units."""
    (found,) = generations(stored((NOW, CLEAN, 300), (NOW + OVERLAP_SECONDS, LEAK, 100)), LEAK.operation)

    assert (found.workers, found.units, found.sampled_units, found.verdict) == (2, 400, 400, "leak")
    assert found.objects_per_unit == 0.5
    assert found.started_at == NOW


def test_later_starts_are_generations_of_their_own_the_newest_first() -> None:
    """A deploy that mends it stands above the one that leaked."""
    found = generations(stored((NOW, LEAK, 10), (NOW + OVERLAP_SECONDS + 1, CLEAN, 20)), LEAK.operation)

    assert [(each.verdict, each.units) for each in found] == [("clean", 20), ("leak", 10)]


def test_a_finding_speaks_for_a_worker_whose_counts_are_gone() -> None:
    """Operations are kept for a day, findings for a week."""
    of = WorkerId("here", 1, NOW)
    told = Stored(workers=(worker(of),), findings=((of, finding(units_observed=40)),))
    (found,) = generations(told, finding().judgement.operation)

    assert (found.verdict, found.units) == ("leak", 40)
    counted = replace(told, operations=((of, stats(CLEAN, units=9)),))
    assert generations(counted, LEAK.operation)[0].units == 9


def test_other_operations_and_unknown_workers_are_left_out() -> None:
    """And of very many starts only the newest are told."""
    told = stored((NOW, judged("GET /other", "leak"), 1))
    assert generations(told, LEAK.operation) == []
    assert generations(replace(stored((NOW, LEAK, 1)), workers=()), LEAK.operation) == []
    many = stored(*((NOW + 1000 * number, LEAK, number) for number in range(50)))
    assert len(generations(many, LEAK.operation)) == GENERATIONS_MOST


def together(*stores: Stored) -> Stored:
    """Return one store of what several hold; each has pids of its own."""
    moved = []
    for place, each in enumerate(stores):
        ids = {state.id: replace(state.id, pid=state.id.pid + 1000 * place) for state in each.workers}
        workers = tuple(replace(state, id=ids[state.id]) for state in each.workers)
        moved.append(Stored(workers, tuple((ids[of], stats) for of, stats in each.operations)))
    return Stored(
        tuple(state for each in moved for state in each.workers),
        tuple(row for each in moved for row in each.operations),
    )


def recycled(begin: float, judgement: Judgement, **changed: Any) -> Stored:
    """Return a store with the workers of a deploy: fifty of them, ten minutes apart."""
    return stored(*((begin + 600 * number, judgement, 10) for number in range(50)), **changed)


def test_recycled_workers_are_of_the_deploy_whose_supervisor_started_them() -> None:
    """Fifty recycles push no deploy out: two deploys are two rows."""
    later = NOW + 40_000
    found = generations(
        together(
            recycled(NOW + 5, LEAK, supervisor_started_at=NOW), recycled(later + 5, CLEAN, supervisor_started_at=later)
        ),
        LEAK.operation,
    )

    assert [(each.verdict, each.workers, each.units, each.started_at) for each in found] == [
        ("clean", 50, 500, later), ("leak", 50, 500, NOW),
    ]  # fmt: skip


def test_workers_of_one_release_are_one_deploy() -> None:
    """Whoever started them, on whatever host, as often as it was; a reload by the same supervisor is another one."""
    first = {"release": "1.0", "supervisor_started_at": NOW}
    found = generations(
        together(
            recycled(NOW + 5, LEAK, **first), stored((NOW + 9000, LEAK, 7), release="1.0"),
            recycled(NOW + 100, CLEAN, **{**first, "release": "1.1"}), stored((NOW - 9000, CLEAN, 3)),
        ),
        LEAK.operation,
    )  # fmt: skip

    assert {(each.release, each.workers, each.verdict) for each in found} == {
        ("1.0", 51, "leak"), ("1.1", 50, "clean"), ("", 1, "clean"),
    }  # fmt: skip


def test_the_api_tells_the_same() -> None:
    """With moments as it writes them."""
    (row,) = history(stored((NOW, LEAK, 10), release="1.0"), LEAK.operation)

    assert row == {
        "started_at": moment(NOW), "release": "1.0", "workers": 1, "units": 10, "sampled_units": 10, "verdict": "leak",
        "objects_per_unit": 2.0, "bytes_per_unit": 200.0,
    }  # fmt: skip
