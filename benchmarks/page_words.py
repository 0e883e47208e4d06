"""The fixed words of docs/overhead.md, its tables, and how a target is told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

INTRODUCTION = """\
# What it costs

This page is written by `nox -s bench`, from what its scripts kept; run it to measure on your machine. Every comparison is
a ratio of things that ran side by side, or in turn, in one run: other load on the machine slows both, and the median of
the rounds with their quartiles says how far to trust it. No absolute time is compared across runs, and nothing here is
asserted in a test. A target that was missed says so, and what stands in the way.
"""

CLOSING = """
## What is not in these figures

- A worker's first minute costs more: each new operation gets a first look, and a look at what the heap holds is taken
  before there is anything to compare it with. `overhead_ratio` on the page has it from the start.
- What explains an accusation (a zoom, the search for a holder) comes once, with bounds of its own
  ([how it works](how-it-works.md#the-zoom)).
- `trace` and every other use of tracemalloc slow a process by what tracemalloc itself costs; memguard turns it on in `watch`
  for the few windows of a zoom alone."""

Result = dict[str, Any]
"""What a script has kept."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was wanted, and what a run gave."""

    what: str
    wanted: str
    got: str
    reached: bool
    why: str = ""

    @classmethod
    def least(cls, what: str, wanted: float, found: Sequence[tuple[float, dict[str, Any]]], why: str = "") -> Self:
        """Judge the smallest of several; `why` is said where it is missed."""
        value, row = min(found, key=lambda each: each[0])
        return cls(what, f"at least {wanted:g}", f"{value:.3g}{_where(row)}", value >= wanted, why)

    @classmethod
    def most(cls, what: str, wanted: float, found: Sequence[tuple[float, dict[str, Any]]], why: str = "") -> Self:
        """Judge the largest of several; `why` is said where it is missed."""
        value, row = max(found, key=lambda each: each[0])
        return cls(what, f"at most {wanted:g}", f"{value:.3g}{_where(row)}", value <= wanted, why)

    @classmethod
    def within(cls, what: str, share: float, ratio: float, why: str = "") -> Self:
        """Judge a ratio that is to be about 1; `why` is said where it is missed."""
        return cls(what, f"within {share:.0%} of bare", f"{ratio:.2f}", abs(ratio - 1) <= share, why)


def _where(row: dict[str, Any]) -> str:
    named = [str(row[name]) for name in ("server", "route") if name in row]
    if row.get("heap") and named:
        named.append(f"{row['heap'] / 1e6:g} million objects")
    return f" ({', '.join(named)})" if named else ""


def times(each: dict[str, float]) -> str:
    """Return a ratio with its quartiles."""
    return f"{each['median']:.3f} ({each['low']:.3f} to {each['high']:.3f})"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def millions(objects: int) -> str:
    """Return a number of objects as a person says it, nothing for 0."""
    return f"{objects / 1e6:g} million" if objects else ""
