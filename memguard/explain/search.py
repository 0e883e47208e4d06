"""The search upwards: from objects to what refers to them, level by level, until a root is found or time is over."""

import gc
from collections import deque
from collections.abc import Callable, Sequence
from itertools import product
from time import thread_time
from types import AsyncGeneratorType, BuiltinFunctionType, CoroutineType, GeneratorType
from typing import Any

from memguard.classes import module_of
from memguard.explain import access, referrers, roots, rows, topdown, variables
from memguard.explain.roots import Root

DEPTH_MOST = 14
WIDTH_MOST = 48
WIDTH_FIRST = 16
SECONDS_OF_A_PASS = 0.12
"""The GIL is held for a pass; it asks for fewer objects at once where a heap is so large that it takes longer."""
SECONDS_NEAR = 0.03
FOLLOWED_OF_MANY = 64
"""Of something that so many refer to, the rest is not followed but for namespaces of modules."""
INNER_MOST = 500
NODES_MOST = 20_000
ROW_DEPTH = 5
"""Levels after which rows of objects are looked for."""
_GENERATORS = (GeneratorType, CoroutineType, AsyncGeneratorType)


class Search:
    """One search for the holders of some targets. Holds them strongly: it must not outlive the call it serves.

    Attributes:
        nodes: Every object met, by its id.
        up: For the id of an object, the ids of what refers to it.
        roots: The roots met, by the id of the object.
        given: The id of the sequence of targets.
        namespaces: Ids of those among them that are namespaces of modules.
    """

    def __init__(self, targets: Sequence[Any], most: int, deadline: float) -> None:
        self.deadline = deadline
        self.nodes: dict[int, Any] = {id(each): each for each in targets[:most]}
        self.up: dict[int, list[int]] = {}
        self.roots: dict[int, Root] = {}
        self.targets = list(self.nodes)
        self._names = roots.Namespaces()
        self.namespaces = self._names.names
        self._queue = deque((each, 0) for each in self.targets)
        self._mask = {each: 1 << number for number, each in enumerate(self.targets)}
        self._satisfied = 0
        self._held_by_us = 0
        self._asked: set[int] = set()
        self._everyone = (1 << len(self.targets)) - 1
        self._width = WIDTH_FIRST
        self._inner: set[int] = set()
        self._below: dict[int, int] = {}
        self._rows_tried: set[int] = set()
        self.given = id(targets)
        self._own = {self.given}

    def run(self) -> None:
        """Search until each target has a firm root, nothing is left to look at, or the time is over."""
        while self._queue and self._satisfied != self._everyone and not self._is_over():
            batch = self._batch()
            if not batch:
                break
            began = thread_time()
            found = referrers.of(tuple(self.nodes[each] for each, _ in batch), self._own)
            took = max(thread_time() - began, 1e-6)
            self._width = int(min(WIDTH_MOST, max(4.0, self._width * SECONDS_OF_A_PASS / took)))
            self._asked.update(dict(batch))
            self._own.add(id(found))
            self._take(found, dict(batch))
            self._own.discard(id(found))
            found.clear()

    @property
    def complete(self) -> bool:
        """Tell whether each target has a firm root."""
        return self._satisfied == self._everyone

    def has_asked_for(self, each: Any) -> bool:
        """Tell whether it was looked what refers to an object."""
        return id(each) in self._asked

    def is_own(self, target: Any) -> bool:
        """Tell whether a target is held by memguard itself."""
        return bool(self._mask[id(target)] & self._held_by_us)

    def mark_inner(self) -> None:
        """Have what the targets themselves consist of, and may refer back to them, looked at last."""
        for target in self.targets:
            level = [self.nodes[target]]
            for _ in range(3):
                level = [each for each in gc.get_referents(*level) if gc.is_tracked(each)][:INNER_MOST]
                self._inner.update(id(each) for each in level if not access.is_a(each, type))

    def look_near(self) -> None:
        """Go down a little way from the application's modules, all of them: passes over the heap cost more.

        Most of what grows is found there. Another module may have the same object under a name of its own, so none is
        left out once something is found, but for want of time.
        """
        deadline = min(self.deadline, thread_time() + SECONDS_NEAR)
        wanted = self._wanted()
        for module, name in self._names.modules():
            if roots.closeness(name) == 0:
                self._look_into(module, name, wanted, topdown.OBJECTS_MOST[0], lambda: thread_time() >= deadline)

    def look_into_modules(self) -> None:
        """A frozen heap tells nobody who refers to what: go down from the modules, the application's first."""
        if self._is_over():
            return
        modules = sorted(self._names.modules(), key=lambda each: roots.closeness(each[1]))
        wanted = self._wanted()
        for most, (module, name) in product(topdown.OBJECTS_MOST, modules):
            if not wanted or self._is_over():
                return
            if self._look_into(module, name, wanted, most, self._is_over):
                wanted = self._wanted()

    def _look_into(
        self, module: dict[str, Any], name: str, wanted: set[int], most: int, is_over: Callable[[], bool]
    ) -> bool:
        """Link what a module leads to of what is wanted; return whether that was anything."""
        ways = [
            way for way in topdown.ways(module, name, wanted, most, is_over) if self._root(module, way[0]) is not None
        ]
        for way in ways:
            self._link(module, way)
            self._settle(module)
        return bool(ways)

    def _wanted(self) -> set[int]:
        """Return the ids of what is below no firm root yet."""
        return {each for each in self.nodes if self._mask.get(each, 0) & ~self._satisfied}

    def _is_over(self) -> bool:
        return thread_time() >= self.deadline

    def look_at_running_frames(self) -> None:
        """Running frames are no referrers: compare what is in their variables with what nothing else refers to."""
        wanted = {each for each in self._wanted() if not access.exactly(self.nodes[each], rows.Repeat)}
        for frame, _, held in variables.running(wanted, self._is_over):
            self._link(frame, [self.nodes[held]])
            root = roots.of(frame, self.nodes[held])[0]
            if root is not None:
                self.roots[id(frame)] = root

    def _batch(self) -> list[tuple[int, int]]:
        batch: list[tuple[int, int]] = []
        while self._queue and len(batch) < self._width:
            each, depth = self._queue.popleft()
            if depth < DEPTH_MOST and self._mask[each] & ~self._satisfied and not self._climbed(each, depth):
                batch.append((each, depth))
        return batch

    def _take(self, found: list[Any], batch: dict[int, int]) -> None:
        wanted = set(batch)
        ways: list[tuple[Any, list[Any]]] = []
        for holder in found:
            if id(holder) not in self._own and holder is not self.nodes and not self._is_over():
                ways += [(holder, way) for way in referrers.paths_down(holder, wanted)]
        popularity: dict[int, int] = {}
        fresh: list[tuple[bool, int, int, int]] = []
        # Roots first: of something that many refer to, only a few others are followed.
        ways.sort(key=lambda each: id(each[0]) not in self.namespaces)
        for holder, way in ways:
            target = id(way[-1])
            popularity[target] = popularity.get(target, 0) + 1
            is_new = id(holder) not in self.nodes
            many = popularity[target] > FOLLOWED_OF_MANY
            if many and is_new and id(holder) not in self.namespaces:
                continue
            goes_on = None if self._is_ours(holder, target) else self._root(holder, way[0])
            if goes_on is None:
                continue
            self._link(holder, way)
            self._settle(holder)
            if is_new and goes_on and len(self.nodes) < NODES_MOST:
                fresh.append((id(holder) in self._inner, len(fresh), id(holder), batch[target] + 1))
        self._queue.extend((each, depth) for _, _, each, depth in sorted(fresh))

    def _climbed(self, each: int, depth: int) -> bool:
        """Tell whether an object was in a row whose heads are looked at in its place."""
        if depth < ROW_DEPTH:
            return False
        chain = [each]
        while len(chain) < DEPTH_MOST and chain[-1] in self._below:
            chain.append(self._below[chain[-1]])
        objects = [self.nodes[below] for below in chain]
        if id(type(objects[0])) in self._rows_tried or not rows.kind_of_row(objects):
            return False
        self._rows_tried.add(id(type(objects[0])))
        self._own.add(id(objects))
        found = rows.heads(objects[0], self._own, self._is_over)
        self._own.discard(id(objects))
        for head, mark in found:
            self._link(head, [mark, objects[0]])
            self._queue.append((id(head), 1))
        return bool(found)

    def _is_ours(self, holder: Any, target: int) -> bool:
        """Tell whether a referrer is memguard's, and note what it has hold of."""
        name = self.namespaces.get(id(holder)) or module_of(type(holder))
        if access.exactly(holder, Search, rows.Repeat):
            return True
        if name.partition(".")[0] == "memguard":
            self._held_by_us |= self._mask[target]
            return True
        return access.exactly(holder, *_GENERATORS) and variables.is_own(variables.code_of(holder))

    def _root(self, holder: Any, held: Any) -> bool | None:
        """Note the root that a holder is; return whether to look further up, None where it does not count."""
        if id(holder) in self.namespaces:
            root = self._names.root(holder, held)
            if root is None:
                return None
            self.roots[id(holder)] = root
            return False
        if type(holder) is BuiltinFunctionType and access.exactly(held, *_GENERATORS, *roots.task_types()):
            return None  # how an event loop wakes a task
        root, goes_on = roots.of(holder, held)
        if root is not None:
            self.roots[id(holder)] = root
        return goes_on

    def _link(self, holder: Any, way: list[Any]) -> None:
        above = id(holder)
        self.nodes[above] = holder
        for each in way:
            self.nodes.setdefault(id(each), each)
            known = self.up.setdefault(id(each), [])
            if above not in known:
                known.append(above)
            self._below.setdefault(above, id(each))
            above = id(each)
        for each in reversed(way):
            self._raise(id(each))

    def _raise(self, below: int) -> None:
        """Tell what is above an object which targets are below it."""
        pending = [below]
        while pending:
            each = pending.pop()
            for above in self.up.get(each, ()):
                mask = self._mask.get(above, 0) | self._mask.get(each, 0)
                if mask != self._mask.get(above):
                    self._mask[above] = mask
                    pending.append(above)
                    if above in self.roots and self.roots[above].rank <= roots.FIRM:
                        self._satisfied |= mask

    def _settle(self, holder: Any) -> None:
        root = self.roots.get(id(holder))
        if root is not None and root.rank <= roots.FIRM:
            self._satisfied |= self._mask[id(holder)]
