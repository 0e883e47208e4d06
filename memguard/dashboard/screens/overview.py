"""The first screen: is anything wrong, in one sentence; then what, in which worker, and what happened."""

from collections import defaultdict

from memguard.dashboard.merging import moment
from memguard.dashboard.screens.cards import card
from memguard.dashboard.screens.happenings import happenings
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.pieces import empty, notice, quiet, section
from memguard.dashboard.screens.spark import SECONDS, Point, Points
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.screens.workers import standing, workers
from memguard.dashboard.words import headline, percent
from memguard.units import format_bytes

EVENTS_SHOWN = 12
STEP, POINTS_READ = 10, 10_000


def overview(visit: Visit) -> Screen:
    """Return the screen."""
    report = visit.report
    verdict, sentence = headline(report)
    starts = verdict == "none" and not report["findings"]
    return Screen("", joined([
        tag("h1", sentence, class_=f"headline {verdict}"),
        _facts(visit) if report["workers"] else None,
        _store(report["store"]),
        _first_steps(visit) if starts else _findings(visit),
        workers(visit, _points(visit)),
        _notes(visit),
        _events(visit),
    ]))  # fmt: skip


def _facts(visit: Visit) -> Html:
    report = visit.report
    alive = [worker for worker in report["workers"] if worker["alive"]]
    units = sum(operation["units"] for operation in report["operations"])
    facts = [
        (_standings(visit), "workers"),
        (format_bytes(sum(worker["rss_bytes"] for worker in alive)), "RSS, all workers"),
        (f"{len(report['operations']):,}", "operations"),
        (f"{units:,}", "units seen"),
        (percent(max((worker["overhead_ratio"] for worker in alive), default=0.0)), "overhead in CPU, at most"),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for value, name in facts), class_="facts")


def _standings(visit: Visit) -> Html:
    counts: defaultdict[str, int] = defaultdict(int)
    for worker in visit.report["workers"]:
        counts[standing(worker, visit.seconds_since(worker["last_seen"]))[0]] += 1
    told = [
        tag("span", f"{counts[kind]} {kind}", class_=kind)
        for kind in ("serving", "recycling", "silent", "stopped", "gone")
        if counts[kind]
    ]
    return joined(told, " ")


def _store(store: dict[str, list[str]]) -> Html | None:
    return notice("leak", "The store does not work as it should", store["notes"]) if store["notes"] else None


def _notes(visit: Visit) -> Html | None:
    said: defaultdict[str, list[str]] = defaultdict(list)
    for worker in visit.report["workers"]:
        for note in worker["notes"] if worker["alive"] else ():
            if note not in visit.report["store"]["notes"]:
                said[note].append(str(worker["pid"]))
    if not said:
        return None
    told = [joined([note, " ", quiet(f"(worker {', '.join(pids)})")]) for note, pids in said.items()]
    return notice("suspect", "Worth knowing", told)


def _findings(visit: Visit) -> Html:
    told = visit.report["findings"]
    if not told:
        none = empty("No findings.", "What memguard is sure of is shown here, with its evidence.")
        return section("Findings", none, key="findings")
    return section("Findings", tag("div", *(card(each, visit) for each in told), class_="cards"), key="findings")


def _first_steps(visit: Visit) -> Html:
    report = visit.report
    steps = [
        "Send a request or run a task: its operation shows up below within two seconds.",
        "Go on: a verdict on an operation takes some hundred units of it, and the first ones only warm up.",
        joined([
            "Is a worker missing? It needs the same ", tag("code", "service"), f" ({report['service']}) and the same ",
            tag("code", "store"), " (", tag("code", report["store"]["place"]), ").",
        ]),
    ]  # fmt: skip
    return tag("ol", *(tag("li", step) for step in steps), class_="steps")


def _events(visit: Visit) -> Html | None:
    told = visit.report["events"][:EVENTS_SHOWN]
    more = tag("a", "All on the timeline", href=visit.link("timeline"))
    return section("What happened", happenings(told, visit), key="events", more=more) if told else None


def _points(visit: Visit) -> Points:
    points: defaultdict[tuple[str, int, str], list[Point]] = defaultdict(list)
    for worker, point in visit.source.store.timeline(since=visit.now - SECONDS, step=STEP, limit=POINTS_READ):
        points[worker.host, worker.pid, moment(worker.started_at)].append((point.at, point.rss_bytes))
    return points
