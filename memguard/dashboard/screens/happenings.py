"""Events in words: what happened, to which worker, when."""

from collections.abc import Iterable, Mapping
from typing import Any

from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.pieces import ago, quiet
from memguard.dashboard.screens.visit import Visit
from memguard.dashboard.words import amount
from memguard.units import format_bytes, format_seconds

Event = dict[str, Any]

_SAID = {"fingerprint", "kind", "name", "site", "pattern", "mode", "worker", "by", "channel", "rule_of"}
"""Details that the sentence itself has, or the finding that it leads to."""
_NAMES = {
    "holder": "held by {}",
    "units_total": "{} units",
    "rss_bytes": "RSS {}",
    "seconds": "{} s later",
    "text": "{}",
}  # fmt: skip
"""How a detail is told that is not told by its name."""
_SENTENCES = {
    "recycle": "why", "died": "why", "gone": "why", "killer": "why", "ceiling": "stays_because", "alert": "text",
}  # fmt: skip
"""A detail that says it all in words, by the type of event; the other details are what it is made of."""
GRAVE = {
    "finding": "leak", "killer": "leak", "died": "leak", "gone": "leak", "ceiling": "suspect", "recycle": "link",
    "started": "clean", "alert": "suspect", "undelivered": "leak",
}  # fmt: skip
"""How an event looks that is more than a remark."""


def happenings(events: Iterable[Event], visit: Visit) -> Html:
    """Return events as a list, in the order given."""
    return tag("ol", *(_item(event, visit) for event in events), class_="events")


def sentence_of(event: Event) -> str:
    """Return what happened, in a few words."""
    kind, detail = event["type"], event["detail"] if isinstance(event["detail"], Mapping) else {}
    who = f"Worker {event['pid']}"
    name = detail.get("name", "an operation")
    told = {
        "started": f"{who} started in {detail['mode']} mode" if "mode" in detail else f"{who} started",
        "stopped": f"{who} stopped",
        "finding": f"{name} was accused of a leak",
        "ceiling": f"{who} is over its ceiling and stays",
        "recycle": _recycle(who, detail),
        "relief": f"{who} tried to give memory back",
        "replaced": f"{who} has come for worker {detail.get('worker')}",
        "died": f"{who} died without a word",
        "killer": f"{name} keeps killing workers",
        "gone": f"{who} is gone without a word",
        "store": "The store changed",
        "alert": "An alert is over" if _is_over(event) else "An alert was raised",
        "undelivered": f"An alert did not reach {detail.get('channel', 'its receiver')}",
    }
    return told.get(kind, f"{who}: {kind}")


def details_of(event: Event) -> str:
    """Return the rest of what is known, empty where there is nothing."""
    detail = event["detail"]
    if not isinstance(detail, Mapping):
        return ""
    if told := detail.get(_SENTENCES.get(event["type"], "")):
        return str(told)
    return ", ".join(
        _named(str(key), _value(str(key), value))
        for key, value in detail.items()
        if value not in (None, "") and key not in _SAID
    )


def _is_over(event: Event) -> bool:
    """Tell whether it is an alert that says that its cause is gone."""
    detail = event["detail"]
    return event["type"] == "alert" and isinstance(detail, Mapping) and detail.get("state") == "resolved"


def _recycle(who: str, detail: Mapping[str, Any]) -> str:
    by, seconds = detail.get("replaced_by"), detail.get("replaced_after_seconds")
    if by is None:
        return f"{who} leaves, to be replaced"
    after = f" {format_seconds(seconds)} later" if isinstance(seconds, int | float) else ""
    return f"{who} left, and worker {by} came for it{after}"


def _item(event: Event, visit: Visit) -> Html:
    kind, fingerprint = event["type"], None
    if isinstance(event["detail"], Mapping):
        fingerprint = event["detail"].get("fingerprint")
    known = {each["fingerprint"] for each in visit.report["findings"]}
    words: object = sentence_of(event)
    if fingerprint in known:
        words = tag("a", words, href=visit.link(f"findings/{fingerprint}"))
    more = details_of(event)
    return tag(
        "li",
        ago(event["at"], visit.seconds_since(event["at"])),
        tag("div", tag("strong", words), joined([" ", quiet(more)]) if more else None, class_="detail"),
        class_="clean" if _is_over(event) else GRAVE.get(kind),
    )


def _named(key: str, value: str) -> str:
    if key in _NAMES:
        return _NAMES[key].format(value)
    return f"{key.removesuffix('_bytes').replace('_', ' ')} {value}"


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and key.endswith("_bytes"):
        return format_bytes(value)
    if isinstance(value, int | float):
        return amount(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
