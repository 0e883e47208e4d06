"""What units did line by line, beside the source: what `lines` commands gave, the newest first."""

from memguard.commands import Command, FollowedFunction, FollowedLine, state_at
from memguard.dashboard.merging import moment
from memguard.dashboard.screens.buttons import command_button
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.pieces import ago, empty, quiet, section
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.units import format_bytes

COMMANDS_READ = 200
SHOWN = 5
HEADS = ("line", "hits", "before", "increment", "peak")


def lines(visit: Visit) -> Screen:
    """Return the screen: of one command where the address names it, else of the newest ones."""
    wanted = visit.query.get("command", "")
    told = [each for each in visit.source.store.commands(limit=COMMANDS_READ) if each.action == "lines"]
    told = [each for each in told if wanted in {"", each.id}][:SHOWN]
    is_busy = any(state_at(each, visit.now) in {"waiting", "running"} for each in told)
    shown = [_command(each, visit) for each in told]
    nothing = empty(
        "No unit has been followed line by line.",
        "Ask for it among the ",
        tag("a", "actions", href=visit.link("actions")),
        ".",
    )
    inside = joined([tag("h1", "Line by line"), *(shown or [nothing])])
    return Screen("Line by line", inside, period=1.0 if is_busy else 2.0)


def again(visit: Visit, kind: str, name: str) -> Html:
    """Return a button that has the next units of an operation followed in all workers."""
    return command_button(visit, "lines", operation=(kind, name))


def _command(command: Command, visit: Visit) -> Html:
    following, outcome = command.following, command.outcome
    name = following.name if following is not None else ""
    worker = quiet(f" worker {command.worker.pid} on {command.worker.host}, ")
    head = tag("p", worker, ago(moment(command.asked_at), max(0.0, visit.now - command.asked_at)), class_="why")
    words = state_at(command, visit.now) if outcome is None else outcome.message or outcome.error
    # Two workers are asked for the same operation, and one may be asked twice: each part of the page has its own name.
    whose = f"worker {command.worker.pid} at {moment(command.asked_at)[11:19]}"
    functions = [_function(each, whose) for each in outcome.functions] if outcome is not None else []
    return section(f"{name}, {whose}", head, tag("p", words), *functions, key=command.id)


def _function(followed: FollowedFunction, whose: str) -> Html:
    most = max((each.increment for each in followed.lines), default=0)
    head = "".join(f"{word:>{width}} " for word, width in zip(HEADS, (6, 9, 11, 11, 11), strict=True))
    told = [tag("span", tag("code", f"{head}  source"), class_="line head")]
    told += [_line(each, is_most=0 < most == each.increment) for each in followed.lines]
    return tag(
        "figure",
        tag("figcaption", tag("code", followed.name), tag("span", followed.file, class_="why")),
        tag(
            "div",
            joined(told),
            class_="source",
            tabindex="0",
            role="region",
            aria_label=f"Lines of {followed.name}, {whose}",
        ),
        class_="site",
    )


def _line(each: FollowedLine, *, is_most: bool) -> Html:
    sizes = (each.before, each.increment, each.peak)
    figures = (
        f"{each.hits:>9,} " + "".join(f"{format_bytes(size):>11} " for size in sizes)
        if each.hits
        else " " * (10 + 3 * 12)
    )
    return tag(
        "span", tag("code", f"{each.line:>6} {figures}  {each.source}"), class_="line blamed" if is_most else "line"
    )
