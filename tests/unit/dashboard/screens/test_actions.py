from typing import Any

from memguard.commands import ACTIONS, Command, Outcome
from memguard.dashboard.screens.buttons import WORDS
from memguard.model import WorkerId
from tests.unit.dashboard.asking import Teller, asked, request, settings
from tests.unit.dashboard.screens.outline import Outline, in_order, shown
from tests.unit.telling import ME, NOW, told

SILENT = WorkerId("there", 9, NOW - 900)


def command(**changed: Any) -> Command:
    """Return a command to this worker."""
    said: dict[str, Any] = {
        "id": "00000000000000aa",
        "action": "collect",
        "worker": ME,
        "asked_at": NOW - 5,
        "changed_at": NOW,
    }
    return Command(**{**said, **changed})


def asked_of(*commands: Command) -> Outline:
    """Return the screen after these commands."""
    guard = Teller(told(), told(SILENT, at=NOW - 8))
    guard.store.add_commands(commands)
    return shown(guard, "/actions")


def test_every_action_says_what_it_does_and_what_it_costs() -> None:
    """Before anybody confirms it."""
    outline = asked_of()

    assert set(WORDS) == set(ACTIONS)
    assert set(outline.values("input", "value")) >= set(ACTIONS)
    for words in WORDS.values():
        in_order(outline.text, words.name, words.does, words.costs)


def test_one_worker_can_be_chosen_or_all() -> None:
    """Of those that are alive; one that does not report is marked, because it will not answer soon."""
    outline = asked_of()

    in_order(outline.text, "All 2 that are alive", "web 4711", "web 9", "silent for 8 s")
    assert outline.values("input", "data-pid") == ["4711", "9"]
    assert outline.values("input", "data-started-at") == ["2027-01-15T07:59:00.000Z", "2027-01-15T07:45:00.000Z"]


def test_each_command_shows_what_it_gave() -> None:
    """RSS before and after, what was freed, or why it failed."""
    outline = asked_of(
        command(state="done", outcome=Outcome(81_000_000, 60_000_000, 1234, 0.2, message="Freed 1,234 objects.")),
        command(
            id="00000000000000ab", action="recycle", state="failed", outcome=Outcome(error="The server is not known.")
        ),
        command(id="00000000000000ac", action="trace", seconds=30.0, state="running"),
    )

    in_order(outline.text, "Collect garbage", "4711", "done", "RSS 81.0 MB → 60.0 MB (-21.0 MB), 1,234 objects freed")
    in_order(outline.text, "Recycle", "failed", "The server is not known.")
    in_order(outline.text, "Trace for 30 s", "running")


def test_a_command_nobody_took_up_has_expired() -> None:
    """It does not wait for ever, and is not carried out later."""
    in_order(asked_of(command(asked_at=NOW - 600)).text, "expired", "did not take it up in time")


def test_while_something_is_under_way_the_screen_is_quicker() -> None:
    """Whoever asked waits for the answer."""
    assert asked_of(command()).values("main", "data-period") == ["1000"]
    assert asked_of(command(state="done", outcome=Outcome())).values("main", "data-period") == ["2000"]


def test_without_a_token_nobody_may_act() -> None:
    """The screen says why, and offers nothing."""
    local = request("/_memguard/actions", headers={"host": "localhost"})
    outline = Outline(asked(local, Teller(told()), settings(token=None)).body.decode())

    assert "Actions are switched off" in outline.text
    assert "MEMGUARD_TOKEN" in outline.text
    assert "form" not in {tag for tag, _, _ in outline.attributes}


def test_without_workers_there_is_nobody_to_ask() -> None:
    """Instead of an empty list."""
    assert "No worker is alive." in shown(Teller(told(SILENT, at=NOW - 60)), "/actions").text
