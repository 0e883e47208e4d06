"""A finding as an issue in Markdown, for the tracker of whoever mends it."""

import re
from collections.abc import Iterator
from typing import Any

from memguard.dashboard.proof import holder_facts, much, site_facts, site_remarks, steps
from memguard.dashboard.words import UNIT_WORDS, sentence, title
from memguard.model import UNMATCHED

SITES_SHOWN, TYPES_SHOWN = 5, 10
_LINE_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|@!&~$])")


def as_markdown(finding: dict[str, Any], service: str) -> str:
    """Return a finding of the report as Markdown. Names of the host's are code, so that none of them is markup."""
    return "\n\n".join(part for part in _parts(finding, service) if part) + "\n"


def code(text: object) -> str:
    """Return text on one line as code; it may hold backticks itself."""
    plain = _LINE_BREAKS.sub(" ", str(text)).strip()
    if not plain:
        return ""
    fence = "`" * (max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    padded = f" {plain} " if plain.startswith("`") or plain.endswith("`") else plain
    return f"{fence}{padded}{fence}"


def prose(text: object) -> str:
    """Return text on one line in which nothing is markup, a mention or a link."""
    return _escaped(str(text).strip())


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _LINE_BREAKS.sub(" ", text)).replace("://", ":\u200b//")


def _parts(finding: dict[str, Any], service: str) -> Iterator[str]:
    operation, holder, pattern = finding["operation"], finding["holder"], finding["pattern"]
    verb = {"leak": "leaks memory", "suspect": "is suspected to leak memory"}.get(finding["verdict"], "leaked memory")
    yield f"# {code(title(operation))} {verb}"
    left = much(finding)
    yield f"{prose(sentence(left))}." if left else ""
    facts = [("Service", code(service)), ("Pattern", f"{prose(pattern['title'])} ({code(pattern['id'])})")]
    facts += [("Seen", f"{finding['first_seen']} to {finding['last_seen']}, by {_workers(finding)}")]
    facts += [("Finding", code(finding["fingerprint"]))]
    yield "\n".join(f"- {name}: {told}" for name, told in facts)
    yield "## Why"
    reasons = [*finding["reasons"]]
    reasons += [f"why it is this operation's: {finding['attribution']}"] if finding["attribution"] else []
    yield "\n".join(f"- {prose(sentence(reason))}" for reason in reasons)
    if finding["sites"]:
        yield "## Allocated at"
        yield "\n".join(_site(site) for site in finding["sites"][:SITES_SHOWN])
    if finding["types"]:
        yield "## What stays"
        yield "\n".join(f"- {code(each['type'])}: {each['count']:,}" for each in finding["types"][:TYPES_SHOWN])
    if holder is not None:
        yield "## Held by"
        known = holder_facts(holder, operation["kind"])
        yield code(holder["path"]) + (f", {prose(known)}" if known else "")
        yield "\n".join(_step(place, step) for place, step in enumerate(steps(holder), 1))
    yield "## What to do"
    yield _advice(pattern["advice"])
    if operation["name"] != UNMATCHED:
        unit = UNIT_WORDS.get(operation["kind"], "unit")
        command = code(f"memguard reproduce {finding['fingerprint']}")
        yield f"A test that fails while a {unit} leaves something: {command}"


def _advice(advice: str) -> str:
    return "".join(code(part) if place % 2 else _escaped(part) for place, part in enumerate(advice.split("`")))


def _workers(finding: dict[str, Any]) -> str:
    return "1 worker" if finding["workers"] == 1 else f"{finding['workers']} workers"


def _site(site: dict[str, Any]) -> str:
    facts = site_facts(site)
    place = code(f"{site['file']}:{site['line']}")
    lines = [f"- {place}" + (f" in {code(site['function'])}" if site["function"] else "")]
    lines[0] += f", {prose(facts)}" if facts else ""
    lines += [f"  {code(site['source'])}"] if site["source"] else []
    return "\n".join(lines + [f"  {prose(remark)}" for remark in site_remarks(site)])


def _step(place: int, step: Any) -> str:
    facts = [step.size] if step.size else []
    facts += [{"root": "the root", "container": "**grows**", "residue": "what stays"}.get(step.role, "")]
    told = ", ".join(fact for fact in facts if fact)
    return (
        f"{place}. " + (f"{prose(step.via)}: " if step.via else "") + code(step.what) + (f" ({told})" if told else "")
    )
