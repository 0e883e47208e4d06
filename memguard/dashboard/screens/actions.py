"""What can be done to workers, and what was done: each command with what it gave."""

from typing import Any

from memguard.commands import TRACE_SECONDS_MOST, UNITS_FOLLOWED, UNITS_FOLLOWED_MOST, Command, Outcome, state_at
from memguard.dashboard.merging import moment
from memguard.dashboard.screens.buttons import TRACE_SECONDS, WAYS_IN_WORDS, WORDS, ordered
from memguard.dashboard.screens.inspected import asked_for
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag, void
from memguard.dashboard.screens.pieces import ago, empty, notice, quiet, section
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.screens.workers import SILENT_SECONDS
from memguard.units import format_bytes, format_change, format_seconds

COMMANDS_SHOWN = 50
BUSY_PERIOD = 1.0
OPERATIONS_OFFERED = 200


def actions(visit: Visit) -> Screen:
    """Return the screen."""
    told = visit.source.store.commands(limit=COMMANDS_SHOWN)
    is_busy = any(state_at(each, visit.now) in {"waiting", "running"} for each in told)
    done = _commands(visit, told) if told else empty("Nothing has been asked of a worker yet.")
    return Screen(
        "Actions",
        joined([tag("h1", "Actions"), _form(visit), section("What they gave", done, key="commands")]),
        period=BUSY_PERIOD if is_busy else 2.0,
    )


def _form(visit: Visit) -> Html:
    alive = [each for each in visit.report["workers"] if each["alive"]]
    if visit.settings.token is None:
        why = joined([
            "Whoever sees this page may look; to act needs the token. Set ", tag("code", "MEMGUARD_TOKEN"),
            " for the service, and sign in with it.",
        ])  # fmt: skip
        return notice("suspect", "Actions are switched off", [why])
    if not alive:
        return empty("No worker is alive.", "There is nobody who could do anything.")
    choices: list[Html] = []
    for action, words in ordered():
        told = (
            tag("strong", words.name),
            tag("span", words.does, class_="why"),
            tag("span", words.costs, class_="why cost"),
        )
        chosen = void("input", type="radio", name="action", value=action, required=True, checked=not choices)
        choices.append(
            tag("label", chosen, tag("span", *told), class_="choice", data_name=words.name, data_costs=words.costs)
        )
        if action == "trace":
            choices.append(_seconds())
        if action == "lines":
            choices.append(_operation(visit))
        if action == "inspect":
            choices.append(_question())
    return joined([
        tag(
            "form",
            tag("fieldset", tag("legend", "What to do"), *choices, class_="choices"),
            tag("fieldset", tag("legend", "In which workers"), *_workers(visit, alive), class_="targets"),
            tag("div", tag("button", "Do it…", type="submit", class_="primary"), tag("span", role="status", id="asked", data_own=True), class_="buttons"),
            id="asking", class_="scripted", data_target=f"{visit.base}/api/commands",
        ),
        tag("div", empty("Actions need JavaScript.", "Looking does not."), class_="unscripted"),
    ])  # fmt: skip


def _seconds() -> Html:
    number = void(
        "input", type="number", name="seconds", value=TRACE_SECONDS, min=1, max=round(TRACE_SECONDS_MOST), required=True,
        inputmode="numeric",
    )  # fmt: skip
    return tag("label", "for ", number, " seconds", class_="detail")


def _operation(visit: Visit) -> Html:
    names = sorted({(each["kind"], each["name"]) for each in visit.report["operations"]})[:OPERATIONS_OFFERED]
    number = void(
        "input", type="number", name="units", value=UNITS_FOLLOWED, min=1, max=UNITS_FOLLOWED_MOST, required=True,
        inputmode="numeric",
    )  # fmt: skip
    options = [tag("option", name, value=f"{kind} {name}") for kind, name in names]
    chosen = tag("select", *options, name="operation", aria_label="Operation")
    return tag("label", "the next ", number, " of ", chosen, class_="detail")


def _question() -> Html:
    options = [tag("option", told, value=way) for way, told in WAYS_IN_WORDS.items()]
    chosen = tag("select", *options, name="way", aria_label="What to look for")
    name = void(
        "input", type="text", name="name", class_="wide", maxlength=200, spellcheck="false", autocomplete="off",
        placeholder="shop.Order, shop.views._cache", aria_label="Type or container",
    )  # fmt: skip
    return tag("label", chosen, " ", name, class_="detail")


def _workers(visit: Visit, alive: list[dict[str, Any]]) -> list[Html]:
    every = f"All {len(alive)} that are alive" if len(alive) > 1 else "The one that is alive"
    first = tag("label", void("input", type="radio", name="which", value="all", checked=True), every, class_="choice")
    return [
        first,
        *(
            tag(
                "label",
                void(
                    "input", type="checkbox", name="worker", value=str(each["pid"]), data_host=each["host"],
                    data_pid=each["pid"], data_started_at=each["started_at"],
                ),
                tag("span", f"{each['kind']} {each['pid']}", class_="name"),
                quiet(f"{each['host']}, {format_bytes(each['rss_bytes'])}", _silence(visit, each)),
                class_="choice", data_key=f"{each['host']}/{each['pid']}/{each['started_at']}",
            )
            for each in alive
        ),
    ]  # fmt: skip


def _silence(visit: Visit, worker: dict[str, Any]) -> str:
    seconds = visit.seconds_since(worker["last_seen"])
    return f", silent for {format_seconds(seconds)}" if seconds > SILENT_SECONDS else ""


def _commands(visit: Visit, told: list[Command]) -> Html:
    columns = (
        Column("Action"),
        Column("Worker"),
        Column("State"),
        Column("What it gave", "wide"),
        Column("Asked", "number"),
    )
    return table("Commands, newest first", columns, [_row(each, visit) for each in told])


def _row(command: Command, visit: Visit) -> Row:
    state, at = state_at(command, visit.now), moment(command.asked_at)
    name = WORDS[command.action].name if command.action in WORDS else command.action
    lasts = f" for {format_seconds(command.seconds)}" if command.seconds else ""
    if command.following is not None:
        lasts = f": {command.following.units} of {command.following.name}"
    if command.question is not None:
        lasts = f": {asked_for(command.question)}"
    cells = [
        f"{name}{lasts}",
        joined([tag("span", str(command.worker.pid), class_="name"), quiet(f" on {command.worker.host}")]),
        tag("span", state, class_=f"command {state}"),
        joined([_gave(command.outcome) if command.outcome else _waits(state), _lines(command, visit)]),
        ago(at, max(0.0, visit.now - command.asked_at)),
    ]
    return Row(cells, state, command.id)


def _lines(command: Command, visit: Visit) -> Html | None:
    if command.outcome is not None and command.outcome.functions:
        return tag("a", "Line by line", href=visit.link("lines", command=command.id))
    if command.outcome is not None and command.outcome.inspection is not None:
        return tag("a", "What was found", href=visit.link("inspected", command=command.id))
    return None


def _gave(outcome: Outcome) -> Html:
    before, after = outcome.rss_before_bytes, outcome.rss_after_bytes
    figures = []
    if before is not None and after is not None:
        figures.append(f"RSS {format_bytes(before)} → {format_bytes(after)} ({format_change(after - before)})")
    if outcome.objects_freed is not None:
        figures.append(f"{outcome.objects_freed:,} objects freed")
    words = outcome.error or outcome.message
    return joined([
        tag("strong", ", ".join(figures)) if figures else None,
        tag("span", words, class_="why failed" if outcome.error else "why") if words else None,
    ])  # fmt: skip


def _waits(state: str) -> Html:
    return quiet({
        "waiting": "The worker takes it up within three seconds.",
        "running": "It is at it.",
        "expired": "The worker did not take it up in time, or fell silent.",
    }.get(state, ""))  # fmt: skip
