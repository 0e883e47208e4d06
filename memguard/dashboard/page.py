"""The page: the report as HTML that needs no script, and a login form."""

from collections.abc import Iterable
from typing import Any

from memguard.dashboard.assets import url
from memguard.dashboard.findings import finding_card
from memguard.dashboard.markup import Html, escape, joined, tag
from memguard.dashboard.pieces import quiet
from memguard.dashboard.tables import Points, events, operations, workers
from memguard.dashboard.words import headline, percent
from memguard.units import format_bytes


def page(report: dict[str, Any], base: str, points: Points) -> str:
    """Return the whole page.

    Args:
        report: As `report.build` makes it.
        base: The endpoint's own path, percent-encoded.
        points: RSS of the last minutes.
    """
    verdict, sentence = headline(report)
    service = report["service"]
    told = tag("span", "Reload to refresh.", id="status-text", role="status")
    live = tag("p", told, tag("span", id="age", aria_hidden="true"), id="status", class_="status")
    top = tag("header", tag("p", tag("a", "memguard", href=base), tag("span", service), class_="brand"), live)
    main = tag(
        "main",
        tag("h1", sentence, class_=f"headline {verdict}"),
        _summary(report) if report["workers"] else None,
        _notes(report),
        _first_steps(report) if verdict == "none" else _findings(report),
        operations(report),
        workers(report, points),
        events(report),
        id="main", data_title=_page_title(report, verdict),
    )  # fmt: skip
    foot = tag(
        "footer",
        tag("p", "The same as JSON: ", joined(_links(base), ", "), "."),
        tag("p", "All times are UTC. The store is ", tag("code", report["store"]["place"]), "."),
    )
    return _document(_page_title(report, verdict), base, joined([top, main, foot]), script=True)


def login(base: str, *, wrong: bool) -> str:
    """Return the form that asks for the token."""
    complaint = tag("p", "That is not the token.", class_="complaint", role="alert") if wrong else None
    form = tag(
        "form",
        tag("h1", "memguard"),
        complaint,
        tag("label", "Token", for_="token"),
        Html('<input id="token" name="token" type="password" required autocomplete="current-password" autofocus>'),
        tag("button", "Sign in", type="submit"),
        tag("p", "The value of the service's setting ", tag("code", "token"), ".", class_="quiet"),
        method="post", action=f"{base}/login", class_="login",
    )  # fmt: skip
    return _document("Sign in · memguard", base, tag("main", form), script=False)


def _document(name: str, base: str, body: Html, *, script: bool) -> str:
    parts = [
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'),
        tag("title", name),
        Html(f'<link rel="icon" href="{escape(url(base, "icon.svg"))}" type="image/svg+xml">'),
        Html(f'<link rel="stylesheet" href="{escape(url(base, "page.css"))}">'),
        tag("script", src=url(base, "page.js"), defer=True) if script else None,
    ]
    return f'<!doctype html>\n<html lang="en"><head>{joined(parts)}</head>\n<body>{body}</body></html>\n'


def _page_title(report: dict[str, Any], verdict: str) -> str:
    leaks = sum(each["verdict"] == "leak" for each in report["operations"])
    found = f"{leaks} leak{'' if leaks == 1 else 's'} · " if verdict == "leak" else ""
    return f"{found}{report['service']} · memguard"


def _summary(report: dict[str, Any]) -> Html:
    alive = [worker for worker in report["workers"] if worker["alive"]]
    units = sum(operation["units"] for operation in report["operations"])
    facts = [
        (f"{len(alive)} of {len(report['workers'])}", "workers alive"),
        (format_bytes(sum(worker["rss_bytes"] for worker in alive)), "RSS, all workers"),
        (f"{len(report['operations']):,}", "operations"),
        (f"{units:,}", "units seen"),
        (percent(max((worker["overhead_ratio"] for worker in alive), default=0.0)), "overhead in CPU, at most"),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for value, name in facts), class_="facts")


def _notes(report: dict[str, Any]) -> Html | None:
    said: dict[str, list[str]] = {note: [] for note in report["store"]["notes"]}
    for worker in report["workers"]:
        for note in worker["notes"] if worker["alive"] else ():
            said.setdefault(note, []).append(str(worker["pid"]))
    if not said:
        return None
    items = [tag("li", note, quiet(f" (worker {', '.join(pids)})") if pids else None) for note, pids in said.items()]
    return tag("aside", tag("h2", "Worth knowing"), tag("ul", *items), class_="notes")


def _findings(report: dict[str, Any]) -> Html:
    if report["findings"]:
        cards = joined(finding_card(finding) for finding in report["findings"])
    else:
        cards = tag("p", "None. What memguard is sure of is shown here, with its evidence.", class_="empty")
    return tag("section", tag("h2", "Findings"), cards)


def _first_steps(report: dict[str, Any]) -> Html:
    steps = [
        "Send a request or run a task: its operation shows up below within two seconds.",
        "Go on: a verdict on an operation takes some hundred units of it, and the first ones only warm up.",
        joined([
            "Is a worker missing? It needs the same ", tag("code", "service"), f" ({report['service']}) and the same ",
            tag("code", "store"), " (", tag("code", report["store"]["place"]), ").",
        ]),
    ]  # fmt: skip
    return tag("ol", *(tag("li", step) for step in steps), class_="steps")


def _links(base: str) -> Iterable[Html]:
    return (tag("a", name, href=f"{base}/api/{name}") for name in ("report", "timeline", "units"))
