"""A finding's evidence in words, for the page and the terminal alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memguard.dashboard.words import UNIT_WORDS, amount, rate
from memguard.units import format_bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a holder's chain, as it is drawn.

    Attributes:
        via: How the one before it refers to it.
        grows: This reference is the one that the growing container gains again and again.
        what: The object's type, or the root.
        size: Its number of entries in words, empty where it is no container.
        role: `root`, `container` for what grows, `residue` for what stays, else empty.
    """

    via: str
    what: str
    size: str
    role: str
    grows: bool = False


ROLE_WORDS = {"root": "the root", "container": "grows", "residue": "what stays", "": ""}


def steps(holder: dict[str, Any]) -> Iterator[Step]:
    """Yield the root and every link of a holder of the report."""
    root, chain = holder["root"], holder["chain"]
    is_known = holder["root_kind"] != "unknown"
    yield Step("", root if is_known else "the root is not known", "", "root" if is_known else "")
    grows = False
    for place, link in enumerate(chain):
        via = link["via"].removesuffix(f" of {root}") if place == 0 else link["via"]
        is_last = place == len(chain) - 1
        role = "container" if link["grows"] else "residue" if is_last else ""
        # The chain is of the moment it was found, the holder's own size is of now.
        size = holder["size"] if link["grows"] and holder["size"] is not None else link["size"]
        yield Step(via, link["type"], entries(size), role, grows)
        grows = link["grows"]


def growth(holder: dict[str, Any], kind: str) -> str:
    """Return what the container that grows gains: `+1 per request`; empty while that is not known."""
    gained = amount(holder["growth_per_unit"], sign=True)
    return "" if gained == "0" else f"{gained} per {UNIT_WORDS.get(kind, 'unit')}"


def entries(size: int | None) -> str:
    """Return a container's size in words."""
    return "" if size is None else "1 entry" if size == 1 else f"{size:,} entries"


def holder_facts(holder: dict[str, Any], kind: str) -> str:
    """Return size and growth of the container that grows, empty where neither is known."""
    return ", ".join(filter(None, (entries(holder["size"]), growth(holder, kind))))


def site_facts(site: dict[str, Any]) -> str:
    """Return how much that is alive was allocated at a site."""
    objects = site["objects"]
    counted = [f"{objects:,} object{'' if objects == 1 else 's'}"] if objects else []
    return " and ".join(counted + ([format_bytes(site["bytes"])] if site["bytes"] else []))


def site_remarks(site: dict[str, Any]) -> list[str]:
    """Return sentences about the part that libraries have in a site."""
    said = [f"Allocated in {site['through']}, called from this line."] if site["through"] else []
    return said + ([f"This line belongs to the library {site['library']}."] if site["library"] else [])


def much(finding: dict[str, Any]) -> str:
    """Return what a unit leaves, or left while it still did; empty where nothing was measured."""
    rates = finding["rate"]
    left = rate(finding["operation"]["kind"], rates["objects_per_unit"], rates["bytes_per_unit"])
    return left if finding["verdict"] in {"suspect", "leak"} or not left else f"it was {left}"


def marks(finding: dict[str, Any]) -> list[str]:
    """Return what is special about a finding's age: `new`, `back again`."""
    return [words for name, words in (("new", "new"), ("back", "back again")) if finding[name]]
