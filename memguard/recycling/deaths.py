"""Which operations were running when workers died, remembered beside the slots: one that keeps killing is named."""

from dataclasses import dataclass
from typing import Any

from memguard.recycling.shared import Shared, State

DEATHS_KEPT = 100
REMEMBER_SECONDS = 86400.0
KILLS_LEAST = 3
KILLS_SHARE = 0.5
"""An operation kills where it ran at so many deaths of a day, and at this share of all of them."""


@dataclass(frozen=True, slots=True)
class Killer:
    """An operation that was running at `deaths` of the `of` deaths of the last day."""

    name: str
    deaths: int
    of: int

    def sentence(self) -> str:
        """Return it in words."""
        return f"{self.name} was running at {self.deaths} of the {self.of} deaths of workers in the last day"

    def detail(self) -> dict[str, Any]:
        """Return the event's detail."""
        kind, _, name = self.name.partition(" ")
        return {"why": self.sentence(), "kind": kind, "name": name, "deaths": self.deaths, "of": self.of}


class Deaths:
    """What all workers of a service on this host have seen of the deaths of others."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def add(self, now: float, names: tuple[str, ...]) -> dict[str, int]:
        """Remember a death, and return at how many deaths of the last day each of the operations was running."""
        return self._shared.agree(lambda state: _add(state, now, names)) or dict.fromkeys(names, 1)

    def killers(self, now: float) -> tuple[Killer, ...]:
        """Return the operations that keep killing workers, the worst first."""
        return self._shared.agree(lambda state: _killers(_recent(state, now)), make=False) or ()


def _recent(state: State, now: float) -> list[tuple[float, list[str]]]:
    try:
        rows = [(float(at), [str(name) for name in names]) for at, names in state.get("deaths", [])]
    except (TypeError, ValueError):
        return []
    return [row for row in rows if 0 <= now - row[0] < REMEMBER_SECONDS]


def _add(state: State, now: float, names: tuple[str, ...]) -> dict[str, int]:
    recent = [*_recent(state, now), (now, list(names))][-DEATHS_KEPT:]
    state["deaths"] = recent
    return {name: sum(name in ran for _, ran in recent) for name in names}


def _killers(recent: list[tuple[float, list[str]]]) -> tuple[Killer, ...]:
    names = {name for _, ran in recent for name in ran}
    found = (Killer(name, sum(name in ran for _, ran in recent), len(recent)) for name in names)
    known = [each for each in found if each.deaths >= KILLS_LEAST and each.deaths >= KILLS_SHARE * each.of]
    return tuple(sorted(known, key=lambda each: (-each.deaths, each.name)))
