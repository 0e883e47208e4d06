"""Looks into this process's objects for a person who asked: largest of a type, deep size, chain, cycles, uncollectable."""

import gc
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from memguard.classes import type_name
from memguard.evidence import TypeCount
from memguard.explain import access, containers, graph, holders, naming, variables
from memguard.explain.cycles import cycles
from memguard.explain.rows import Repeat
from memguard.inspection import DeepSize, Inspection, ObjectSize, Question, Way
from memguard.instruments import deep, garbage, largest
from memguard.instruments.collector import number_of_objects
from memguard.instruments.garbage import Garbage, TooLargeError
from memguard.instruments.walking import OLDEST, Pace, Walk, size_of
from memguard.wiring.watch import Watch

TARGETS = 16
"""For so many objects of a type a chain is searched; the path that most of them have is shown."""
WALK_SHARE = 0.5
"""Of the time that there is for a walk, where a search follows it."""
SHOWN_MOST = 60
TYPES_SHOWN = 10
UNCOLLECTABLE_MOST = 200_000


class CannotInspectError(Exception):
    """A question cannot be answered here; the message says why, for the person who asked."""


class Inspecting:
    """One per question, in the keeper thread."""

    def __init__(self, watch: Watch, *, show_keys: bool) -> None:
        self._watch = watch
        self._show_keys = show_keys
        self._ways: dict[Way, Callable[[Question, float], Inspection]] = {
            "largest": self._largest,
            "size": self._size,
            "chain": self._chain,
            "cycles": self._cycles,
            "uncollectable": self._uncollectable,
        }

    def answer(self, question: Question, seconds: float) -> Inspection:
        """Return the answer; it takes about so many seconds at most, in steps between which other threads run.

        Raises:
            CannotInspectError: There is no such type or container here, or too much to look at.
        """
        way = self._ways.get(question.way)
        if way is None:
            raise CannotInspectError(f"This worker runs a memguard that cannot look for {question.way!r}.")
        with self._watch.observer.quiet():
            return way(question, seconds)

    def _largest(self, question: Question, seconds: float) -> Inspection:
        pace = Pace(seconds)
        walk = Walk(Pace(seconds * WALK_SHARE))
        of_type = largest.largest(question.name, naming.class_of(question.name), question.most, walk)
        targets = of_type.objects
        if not targets:
            raise CannotInspectError(_nothing(question.name, of_type.alike, is_complete=walk.is_complete))
        search = holders.searched(targets, seconds=pace.seconds_left, width=graph.WIDTH)
        found = holders.told(search, targets, show_keys=self._show_keys)
        sizes = tuple(
            ObjectSize(
                type_name(type(each)),
                size_of(each),
                containers.size_of(each),
                "" if told is None else told.holder.path,
                _shown(each) if self._show_keys else "",
            )
            for each, told in zip(targets, found, strict=True)
        )
        targets.clear()
        return Inspection(
            question, of_type.count, of_type.bytes, sizes=sizes, is_complete=walk.is_complete, notes=_notes(walk)
        )

    def _size(self, question: Question, seconds: float) -> Inspection:
        container = naming.found(question.name)
        if container is access.MISSING:
            raise CannotInspectError(
                f"{question.name} leads nowhere in this worker: name a module and what is in it, like shop.views._cache."
            )
        entries = containers.size_of(container)
        told = deep.estimate(container, Pace(seconds), namespaces=naming.namespaces())
        size = None
        if told.share == 1.0 and told.objects <= deep.MEASURED_MOST:
            size = deep.measured(container)
        kind = type_name(type(container))
        notes: tuple[str, ...] = ()
        if told.share < 1.0:
            notes = (f"{told.share:.0%} of its entries were looked at, and stand for the rest.",)
        answer = (
            DeepSize(kind, entries, told.bytes, told.objects, "estimate", told.share)
            if size is None
            else DeepSize(kind, entries, size, told.objects, "pympler")
        )
        return Inspection(question, deep=answer, is_complete=told.share == 1.0, notes=notes)

    def _chain(self, question: Question, seconds: float) -> Inspection:
        pace = Pace(seconds)
        walk = Walk(Pace(seconds * WALK_SHARE))
        of_type = largest.spread(question.name, TARGETS, walk)
        targets = of_type.objects
        if not targets:
            raise CannotInspectError(_nothing(question.name, of_type.alike, is_complete=walk.is_complete))
        drawn = graph.draw(
            targets,
            instances=of_type.count or 0,
            seconds=pace.seconds_left,
            show_keys=self._show_keys,
            size_of=lambda each: 0 if access.exactly(each, Repeat) else size_of(each),
        )
        targets.clear()
        if drawn is None:
            raise CannotInspectError(
                f"Nobody was found who holds objects of the type {question.name}; more --seconds may help."
            )
        return Inspection(question, of_type.count, graph=drawn, is_complete=walk.is_complete, notes=_notes(walk))

    def _cycles(self, question: Question, seconds: float) -> Inspection:
        pace = Pace(seconds)
        try:
            found = garbage.unreachable(variables.values(lambda: pace.is_over), pace, count=number_of_objects(OLDEST))
        except TooLargeError as error:
            raise CannotInspectError(str(error)) from None
        notes: tuple[str, ...] = ()
        if found.left:
            notes = (f"{found.left:,} objects that no module leads to were not looked at.",)
        elif not found.is_complete:
            raise CannotInspectError("The time was over before the heap was looked through; give it more --seconds.")
        if gc.get_freeze_count():
            notes += ("Objects that the application has frozen (gc.freeze) are not among them.",)
        return self._told(question, found, notes)

    def _uncollectable(self, question: Question, _: float) -> Inspection:
        objects = list(gc.garbage[:UNCOLLECTABLE_MOST])
        beyond = len(gc.garbage) - len(objects)
        notes: tuple[str, ...] = ()
        if gc.get_debug() & gc.DEBUG_SAVEALL:
            notes = ("The application has set gc.DEBUG_SAVEALL: all that a collection finds is kept here.",)
        if beyond > 0:
            notes += (f"{beyond:,} more were not looked at.",)
        found = Garbage(objects, garbage.referring(objects), list(map(size_of, objects)), beyond <= 0, max(0, beyond))
        return self._told(question, found, notes)

    def _told(self, question: Question, found: Garbage, notes: tuple[str, ...]) -> Inspection:
        counts = _types(found.objects)
        told = cycles(found.objects, found.points_to, found.sizes, most=question.most, show_keys=self._show_keys)
        answer = Inspection(
            question,
            len(found.objects) + (found.left if question.way == "uncollectable" else 0),
            sum(found.sizes),
            cycles=told,
            types=tuple(TypeCount(name, count) for name, count in counts.most_common(TYPES_SHOWN)),
            is_complete=found.is_complete,
            notes=notes,
        )
        found.objects.clear()
        return answer


def sentence(found: Inspection) -> str:
    """Return an answer in one sentence, as an outcome's message."""
    question = found.question
    if found.deep is not None:
        return f"Looked at {found.deep.objects:,} objects below {question.name}."
    if found.graph is not None:
        return f"Found who holds {question.name}: {found.graph.path}."
    if question.way == "largest":
        count = "" if found.objects is None else f" of {found.objects:,}"
        return f"Found the {len(found.sizes):,} largest{count} objects of the type {question.name}."
    if question.way == "cycles":
        return f"Found {found.objects or 0:,} objects that only a full collection frees."
    return f"Found {found.objects or 0:,} uncollectable objects."


def _types(objects: Sequence[Any]) -> Counter[str]:
    return Counter(type_name(type(each)) for each in objects)


def _nothing(name: str, alike: tuple[str, ...], *, is_complete: bool) -> str:
    others = f"; there are {', '.join(alike)}" if alike else ""
    when = "is alive here" if is_complete else "was found in the time there was"
    return f"No object of the type {name} {when}{others}."


def _notes(walk: Walk) -> tuple[str, ...]:
    if walk.is_complete:
        return ()
    return (f"The time was over after {walk.passed:,} objects: those that came later were not looked at.",)


def _shown(each: Any) -> str:
    """Return the beginning of a text or a number, as `show_keys` allows."""
    if not access.exactly(each, str, int, float, bytes):
        return ""
    text = repr(each[:SHOWN_MOST] if access.exactly(each, str, bytes) else each)
    return text if len(text) <= SHOWN_MOST else text[: SHOWN_MOST - 1] + "…"
