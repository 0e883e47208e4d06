"""What every screen stands in: the document, the way to the other screens, how old it is, and the login form."""

from memguard.dashboard.assets import url
from memguard.dashboard.screens.markup import Html, joined, tag, void
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.words import headline, unrefuted

SCREENS = (
    ("", "Overview"), ("timeline", "Timeline"), ("operations", "Operations"), ("units", "Units"),
    ("objects", "Objects"), ("snapshots", "Snapshots"), ("actions", "Actions"),
)  # fmt: skip
"""Name in the address, and on the page, of each screen that the header leads to."""
STYLES = (
    "base.css",
    "shell.css",
    "tables.css",
    "finding.css",
    "vendor/uplot/uPlot.min.css",
    "chart.css",
    "actions.css",
    "flame.css",
)
SECONDS_PER_WORKER = 0.06
"""Screens of many workers are asked for less often: one of 64 takes a tenth of a second to write (tried)."""
_UNDER = {"findings": "operations"}


def document(visit: Visit, screen: Screen) -> str:
    """Return a screen as a whole page."""
    verdict, sentence = headline(visit.report)
    period = max(screen.period, len(visit.report["workers"]) * SECONDS_PER_WORKER)
    body = joined([
        tag("a", "Skip to the content", href="#main", class_="skip"),
        _header(visit, verdict, sentence),
        tag(
            "main", screen.inside,
            id="main", tabindex="-1", data_screen=visit.name, data_period=round(period * 1000),
        ),
        _footer(visit),
    ])  # fmt: skip
    told = f"{f'{screen.title} · ' if screen.title else ''}{_count(visit, verdict)}{visit.report['service']} · memguard"
    return _document(told, visit.base, body, script=True)


def login(base: str, complaint: str = "") -> str:
    """Return the form that asks for the token, with what was wrong the last time."""
    told = tag("p", complaint, class_="complaint", role="alert", id="complaint") if complaint else None
    form = tag(
        "form",
        tag("h1", _mark(base), "memguard"),
        told,
        tag("label", "Token", for_="token"),
        void(
            "input", id="token", name="token", type="password", required=True, autocomplete="current-password",
            autofocus=True, aria_describedby="complaint token-help" if complaint else "token-help",
        ),
        tag("button", "Sign in", type="submit"),
        tag("p", "The value of the service's setting ", tag("code", "token"), ".", class_="quiet", id="token-help"),
        method="post", action=f"{base}/login", class_="login",
    )  # fmt: skip
    return _document("Sign in · memguard", base, tag("main", form), script=False)


def _document(name: str, base: str, body: Html, *, script: bool) -> str:
    parts = [
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'),
        tag("title", name),
        void("link", rel="icon", href=url(base, "icon.svg"), type="image/svg+xml"),
        *(void("link", rel="stylesheet", href=url(base, style)) for style in STYLES),
        tag("script", src=url(base, "main.js"), type="module") if script else None,
    ]
    return f'<!doctype html>\n<html lang="en"><head>{joined(parts)}</head>\n<body>{body}</body></html>\n'


def _header(visit: Visit, verdict: str, sentence: str) -> Html:
    here = visit.name.partition("/")[0]
    here = _UNDER.get(here, here)
    links = [
        tag("li", tag("a", words, href=visit.link(name), aria_current="page" if name == here else None))
        for name, words in SCREENS
    ]
    brand = tag(
        "a", _mark(visit.base), tag("span", "memguard", class_="product"), tag("span", visit.report["service"]),
        href=visit.link(""), class_="brand", aria_label=f"memguard, service {visit.report['service']}: overview",
    )  # fmt: skip
    glance = None
    if here:
        words = {"leak": _count(visit, verdict).removesuffix(" · "), "suspect": "suspects", "clean": "no leak"}
        word = words.get(verdict, "no verdict yet")
        glance = tag("a", word, href=visit.link(""), class_=f"glance badge {verdict}", title=sentence, id="glance")
    at = visit.report["generated_at"]
    live = tag(
        "p",
        tag("span", "Reload to refresh.", id="status-text", role="status"),
        tag("time", f"{at[11:19]} UTC", datetime=at, id="age", aria_hidden="true"),
        id="status", class_="status",
    )  # fmt: skip
    return tag(
        "header",
        tag("div", brand, glance, live, class_="top"),
        tag("nav", tag("ul", *links), aria_label="Screens"),
        class_="shell",
    )


def _footer(visit: Visit) -> Html:
    links = (tag("a", name, href=f"{visit.base}/api/{name}") for name in ("report", "timeline", "units"))
    answered = visit.report["answered_by"]
    return tag(
        "footer",
        tag("p", "The same as JSON: ", joined(links, ", "), "."),
        tag(
            "p", "All times are UTC. The store is ", tag("code", visit.report["store"]["place"]),
            ". Process ", str(answered["pid"]), " on ", answered["host"], " answered.",
        ),
        class_="shell",
    )  # fmt: skip


def _mark(base: str) -> Html:
    return void("img", src=url(base, "icon.svg"), alt="", width=20, height=20)


def _count(visit: Visit, verdict: str) -> str:
    leaks = sum(each["verdict"] == "leak" for each in visit.report["operations"]) + len(unrefuted(visit.report))
    return f"{leaks} leak{'' if leaks == 1 else 's'} · " if verdict == "leak" else ""
