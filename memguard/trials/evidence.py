"""What a trial says of what stays: types, lines, who holds it, which pattern it is; and what it excuses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from memguard.classes import type_name
from memguard.evidence import Holder, Pattern, Site, TypeCount
from memguard.explain import holders, sites
from memguard.explain.holders import Found
from memguard.explain.patterns import recognise
from memguard.explain.patterns.evidence import owner
from memguard.instruments import census
from memguard.instruments.collector import objects
from memguard.instruments.traces import frames_of
from memguard.model import Operation
from memguard.readings import Clues, Trace
from memguard.trials import judging, reading
from memguard.trials.clients import is_a_clients, is_their_registry
from memguard.trials.judging import Allocated, Lasting
from memguard.trials.limits import Limits

TYPES_EXAMINED, TYPES_SHOWN, LINES_SHOWN, CONTAINERS_SEARCHED, EXHIBITS = 12, 5, 3, 16, 8
EXAMINED_MOST = 2_000
SEARCH_SECONDS = 2.0
_FIXTURE = re.compile(r"_?pytest\b.*\bfuncargs\['(\w+)'\]")
_RUNNERS_OWN = ("_pytest.logging.", "_pytest.capture.", "_pytest.recwarn.", "_pytest.warnings.", "_pytest.reports.")
"""Parts of pytest that keep what a test says; what its fixtures hold is the test's."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stays after each run, with everything per run.

    Attributes:
        bytes: How much, in all.
        types: Types with objects per run, most first.
        sites: Where it was allocated, most first.
        holder: What keeps it alive; None where nothing was found.
        bound: The most entries that the holder's container will ever have, None where it is not known to have a bound.
        pattern: The known kind of leak it is.
    """

    bytes: float
    types: tuple[tuple[str, float], ...]
    sites: tuple[Site, ...]
    holder: Holder | None
    bound: int | None
    pattern: Pattern


@dataclass(slots=True)
class Exhibit:
    """Objects of one type that were left: strong references, until `evidence` has looked who holds them."""

    type: str
    count: int
    traces: tuple[Trace, ...]
    objects: list[Any]
    found: tuple[Found, ...] = ()


def exhibits(lasting: Lasting, limits: Limits) -> list[Exhibit]:
    """Return the youngest objects of each type that lasts, those first whose allocation was traced; tracing is on."""
    wanted = dict(_most(judging.residue(lasting, limits.repeat, judging.share_of(limits)).types, TYPES_EXAMINED))
    if not wanted:
        return []
    heap = [*objects(2), *objects(1)]
    kinds = dict(zip(map(id, map(type, heap)), map(type, heap), strict=True))
    names = {key: name for key, kind in kinds.items() if (name := type_name(kind)) in wanted}
    traced: dict[str, list[Any]] = {name: [] for name in wanted}
    others: dict[str, list[Any]] = {name: [] for name in wanted}
    for each in compress(reversed(heap), map(names.__contains__, map(id, map(type, reversed(heap))))):
        name = names[id(type(each))]
        if len(traced[name]) < EXHIBITS and len(others[name]) < EXAMINED_MOST:
            (traced if frames_of(each) else others)[name].append(each)
    heap.clear()
    return [
        Exhibit(name, count, _traces(traced[name]), (traced[name] or others[name])[:EXHIBITS])
        for name, count in wanted.items()
    ]


def _traces(exhibits: list[Any]) -> tuple[Trace, ...]:
    return tuple(trace for each in exhibits for trace in census.trace(each))


def evidence(
    lasting: Lasting, limits: Limits, name: str, kinds: list[Exhibit], allocated: Allocated
) -> Evidence | None:
    """Return the evidence; None where all that stays is excused: caches that say their bound, what pytest or a client keeps.

    Args:
        lasting: What every round has added.
        limits: What was allowed.
        name: What was tried.
        kinds: From `exhibits`; their objects are let go.
        allocated: What a traced round has added.
    """
    runs = limits.repeat
    told = judging.residue(lasting, runs, judging.share_of(limits))
    containers = list(_containers(told.containers, runs))
    for each in kinds:
        each.found = tuple(found for found in _find(each.objects) if found is not None)
        each.objects.clear()
    is_innocent = _is_excused if limits.is_for_residue else _is_runners
    of_clients = [(each.type, each.count / runs) for each in kinds if is_a_clients(each.traces)]
    others = [each for each in kinds if not is_a_clients(each.traces)]
    guilty = [each for each in others if not each.found or not all(map(is_innocent, each.found))]
    growing = [each for each in containers if not (is_innocent(each) or is_their_registry(each, of_clients))]
    if not (guilty or growing) and (containers or kinds or not allocated.lines):
        return None
    own = [each for each in guilty if "." in each.type and each.found] or guilty  # a list in it says less
    best = _best([found for each in own for found in each.found if not is_innocent(found)], growing)
    traces = [trace for each in guilty for trace in each.traces]
    clues = Clues(
        Operation("task", name),
        types=tuple(TypeCount(each.type, each.count) for each in guilty),
        frames=tuple(trace.frames for trace in traces),
        holder=best.holder if best else None,
    )
    return Evidence(
        bytes=allocated.bytes / runs,
        types=tuple((each.type, each.count / runs) for each in guilty[:TYPES_SHOWN]),
        sites=tuple(map(sites.describe, _sites(traces, allocated.lines)[:LINES_SHOWN])),
        holder=best.holder if best else None,
        bound=best.bound if best else None,
        pattern=recognise(clues),
    )


def _best(exhibits: Sequence[Found], containers: Sequence[Found]) -> Found | None:
    """Return the chain to show: down to what is kept where that is known, with the rate of the container on it."""
    chosen = holders.representative(exhibits)
    if chosen is None:
        return holders.representative(containers)
    same = [each.holder for each in containers if chosen.holder.path.startswith(each.holder.path)]
    if not same:
        return chosen
    nearest = max(same, key=lambda holder: len(holder.path))
    return replace(chosen, holder=replace(chosen.holder, growth_per_unit=nearest.growth_per_unit))


def _containers(grown: Mapping[int, float], runs: int) -> Iterator[Found]:
    wanted = dict(_most(grown, CONTAINERS_SEARCHED))
    found = list(reading.by_address(set(wanted))) if wanted else []
    rates = [wanted[id(each)] / runs for each in found]
    chains = _find(found, growing=True) if found else ()
    found.clear()
    for chain, rate in zip(chains, rates, strict=True):
        if chain is not None:
            yield replace(chain, holder=replace(chain.holder, growth_per_unit=rate))


def _find(objects: list[Any], *, growing: bool = False) -> tuple[Found | None, ...]:
    """Search, with the keys of dicts: a test's data is nobody's secret. What a fixture holds is said to be the fixture's."""
    found = holders.find(objects, seconds=SEARCH_SECONDS, show_keys=True, growing=growing)
    return tuple(None if each is None else replace(each, holder=_by_fixture(each.holder)) for each in found)


def _by_fixture(holder: Holder) -> Holder:
    match = _FIXTURE.match(holder.path)
    if match is None:
        return holder
    return replace(holder, path=match[1] + holder.path[match.end() :], root=f"fixture {match[1]}")


def _is_excused(found: Found) -> bool:
    return found.bound is not None or _is_runners(found)


def _is_runners(found: Found) -> bool:
    nearest = owner(Clues(Operation("task", ""), holder=found.holder))
    return any(nearest.startswith(part) or part in found.holder.root for part in _RUNNERS_OWN)


def _sites(traces: Sequence[Trace], lines: Mapping[tuple[str, int], int]) -> list[Site]:
    """Return where what stays was allocated: by its own tracebacks, else by the lines whose memory grows."""
    blamed = [each for each in sites.blame(traces) if reading.line_of(((each.file, each.line),)) is not None]
    return blamed or [Site(line[0], line[1], "", "", 0, count) for line, count in _most(lines, LINES_SHOWN)]


def _most(counts: Mapping[Any, Any], number: int) -> list[tuple[Any, Any]]:
    return sorted(counts.items(), key=lambda item: -item[1])[:number]
