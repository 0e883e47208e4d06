"""What the report says in words: the one sentence on top, and numbers as people read them."""

from typing import Any

from memguard.units import format_bytes, format_change

UNIT_WORDS = {"request": "request", "websocket": "session", "task": "run"}
VERDICT_WORDS = {
    "leak": "leaks",
    "suspect": "suspect",
    "plateau": "stopped growing",
    "clean": "clean",
    "warming": "warming up",
}


def headline(report: dict[str, Any]) -> tuple[str, str]:
    """Return the gravest verdict of the report (`none` before the first unit) and the sentence that says it."""
    operations = report["operations"]
    verdicts = {name: [each for each in operations if each["verdict"] == name] for name in VERDICT_WORDS}
    if verdicts["leak"]:
        return "leak", _leaking(verdicts["leak"])
    if leaked := unrefuted(report):
        names = _listed([title(each) for each in leaked])
        return "leak", f"{names} leaked when last driven, and nothing has refuted that since."
    if verdicts["suspect"]:
        names = _listed([title(each) for each in verdicts["suspect"]])
        return "suspect", f"Nothing is proven to leak; {names} {_are(verdicts['suspect'])} under suspicion."
    units = sum(each["units"] for each in operations)
    if not units:
        return "none", "Nothing to judge yet: no request and no task has been seen."
    judged = len(operations) - len(verdicts["warming"])
    if not judged:
        return "warming", f"No verdict yet: {_many(units, 'unit')} seen, more are needed."
    rest = f" {_many(len(verdicts['warming']), 'operation')} still warming up." if verdicts["warming"] else ""
    return "clean", f"No leak found in {_many(judged, 'operation')} over {_many(units, 'unit')}.{rest}"


def unrefuted(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of leaks that were found by workers whose counts are no longer kept."""
    leaking = {(each["kind"], each["name"]) for each in report["operations"] if each["verdict"] == "leak"}
    found = [each["operation"] for each in report["findings"] if each["verdict"] == "leak"]
    return [each for each in found if (each["kind"], each["name"]) not in leaking]


def title(operation: dict[str, Any]) -> str:
    """Return the operation's name, with its kind where the name alone does not tell it."""
    return operation["name"] if operation["kind"] == "request" else f"{operation['kind']} {operation['name']}"


def rate(kind: str, objects: float, size: float, blocks: float = 0.0) -> str:
    """Return what one unit leaves: `+2 objects, 4.1 kB per request`."""
    parts = (
        [f"{amount(objects, sign=True)} {'object' if amount(objects) == '1' else 'objects'}"]
        if amount(objects) != "0"
        else []
    )
    # Objects that stay beside bytes that shrink: what the bytes were counted in did not last as long.
    is_told = size >= 1 or (size <= -1 and objects <= 0)
    parts += [format_change(size)] if is_told else []
    if not parts and amount(blocks) != "0":
        parts = [f"{amount(blocks, sign=True)} memory blocks"]
    return f"{', '.join(parts)} per {UNIT_WORDS.get(kind, 'unit')}" if parts else ""


def left(operation: dict[str, Any]) -> str:
    """Return what a unit of an operation leaves, as far as its verdict stands behind the figure."""
    if operation["verdict"] == "warming":
        return "not known yet"
    if operation["verdict"] not in {"suspect", "leak"}:
        return "nothing that lasts"
    return rate(
        operation["kind"], operation["objects_per_unit"], operation["bytes_per_unit"], operation["blocks_per_unit"]
    )


def amount(number: float, *, sign: bool = False) -> str:
    """Return a number with as many digits as matter: `0`, `0.004`, `1.5`, `12`, `1,234`."""
    size = abs(number)
    digits = 0 if size >= 10 else 1 if size >= 1 else 2 if size >= 0.1 else 3
    text = f"{number:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if text in {"", "-", "-0", "0"}:
        return "0"
    return f"+{text}" if sign and number > 0 else text


def sentence(text: str) -> str:
    """Return words with a capital first letter, unless they begin with a name."""
    return text[:1].upper() + text[1:] if text.split(" ", 1)[0].isalpha() else text


def percent(share: float) -> str:
    """Return a share as `0.4 %`."""
    return f"{amount(share * 100)} %"


def _leaking(leaks: list[dict[str, Any]]) -> str:
    worst = leaks[0]
    if len(leaks) > 1:
        return f"{len(leaks)} operations leak: {_listed([title(each) for each in leaks])}."
    each = UNIT_WORDS.get(worst["kind"], "unit")
    objects, size = worst["objects_per_unit"], worst["bytes_per_unit"]
    left = (
        [f"about {amount(objects)} {'object' if amount(objects) == '1' else 'objects'}"]
        if amount(objects) != "0"
        else []
    )
    left += [format_bytes(size)] if size >= 1 else []
    what = f": each {each} leaves {' and '.join(left)} behind" if left else ""
    return f"{title(worst)} leaks{what}."


def _listed(names: list[str], most: int = 3) -> str:
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(things: list[Any]) -> str:
    return "is" if len(things) == 1 else "are"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
