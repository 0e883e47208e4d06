"""What was found among the objects of workers: what `inspect` commands gave, the newest first."""

from memguard.commands import Command, state_at
from memguard.dashboard.looked import lines_of
from memguard.dashboard.merging import moment
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.pieces import ago, empty, quiet, section
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.inspection import Question

COMMANDS_READ = 200
SHOWN = 5


def inspected(visit: Visit) -> Screen:
    """Return the screen: of one command where the address names it, else of the newest ones."""
    wanted = visit.query.get("command", "")
    told = [each for each in visit.source.store.commands(limit=COMMANDS_READ) if each.action == "inspect"]
    told = [each for each in told if wanted in {"", each.id}][:SHOWN]
    is_busy = any(state_at(each, visit.now) in {"waiting", "running"} for each in told)
    nothing = empty(
        "Nobody has looked into objects.", "Ask for it among the ", tag("a", "actions", href=visit.link("actions")), "."
    )
    inside = joined([tag("h1", "Objects looked into"), *([_command(each, visit) for each in told] or [nothing])])
    return Screen("Objects looked into", inside, period=1.0 if is_busy else 2.0)


def asked_for(question: Question | None) -> str:
    """Return what was wanted, in words."""
    return "objects" if question is None else f"{question.way} {question.name}".strip()


def _command(command: Command, visit: Visit) -> Html:
    outcome = command.outcome
    worker = quiet(f" worker {command.worker.pid} on {command.worker.host}, ")
    head = tag("p", worker, ago(moment(command.asked_at), max(0.0, visit.now - command.asked_at)), class_="why")
    words = state_at(command, visit.now) if outcome is None else outcome.message or outcome.error
    name = f"{asked_for(command.question)}, worker {command.worker.pid} at {moment(command.asked_at)[11:19]}"
    found = outcome.inspection if outcome is not None else None
    if found is None:
        return section(name, head, tag("p", words), key=command.id)
    lines = [tag("span", tag("code", f"  {line}"), class_="line") for line in lines_of(found)]
    text = tag("div", joined(lines), class_="source", tabindex="0", role="region", aria_label=f"What was found: {name}")
    dot = tag("a", "The graph as DOT", href=visit.link(f"api/commands/{command.id}/graph.dot"))
    return section(name, head, tag("p", words), text, tag("p", dot) if found.graph else None, key=command.id)
