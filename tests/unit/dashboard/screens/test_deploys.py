from dataclasses import replace

from memguard.dashboard.screens.deploys import GENERATIONS_MOST, generations
from memguard.model import Judgement, Stored, WorkerId
from memguard.residue.ageing import OVERLAP_SECONDS
from tests.unit.telling import NOW, finding, judged, stats, worker

LEAK, CLEAN = judged("GET /leak", "leak", objects=2.0), judged("GET /leak", "clean")


def stored(*told: tuple[float, Judgement, int]) -> Stored:
    """Return a store with one worker for each start, verdict and number of units."""
    ids = [WorkerId("here", pid, start) for pid, (start, _, _) in enumerate(told)]
    return Stored(
        workers=tuple(worker(each) for each in ids),
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
