"""Findings made up for reproductions."""

from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.explain.patterns import UNKNOWN
from memguard.model import Finding, Judgement, Operation


def finding(
    name: str = "GET /users/<int:number>/orders",
    kind: str = "request",
    *,
    types: tuple[str, ...] = (),
    site: tuple[str, int, str] | None = None,
    held: str = "",
    objects: float = 1.0,
    pattern: Pattern = UNKNOWN,
) -> Finding:
    """Return a finding; `site` is file, line and text, `held` the path of a holder."""
    sites = (Site(site[0], site[1], "show", site[2], 100, 4000),) if site else ()
    holder = Holder(held, "module shop", "module", (Link("list", "item", 100, grows=True),), 100, objects)
    return Finding(
        "0123456789abcdef",
        Judgement(Operation(kind, name), "leak", (), objects, objects, 64.0 * objects),
        0.0,
        0.0,
        500,
        sites,
        tuple(TypeCount(each, 100) for each in types),
        pattern,
        holder if held else None,
    )
