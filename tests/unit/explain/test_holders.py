import asyncio
import functools
import gc
import importlib
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from memguard.evidence import Holder
from memguard.explain import holders, search, topdown
from memguard.explain.holders import Found, find
from memguard.safety import Part
from tests.unit.explain.shop import NAME, planted
from tests.unit.instruments.planting import frozen_heap, tuples_built_meanwhile

SECONDS = 20.0
"""No search here needs more than a fraction of it."""


@pytest.fixture
def shop() -> Iterator[Any]:
    """An application's module."""
    with planted() as module:
        yield module


def found(*targets: Any, **options: Any) -> Found:
    """Return the answer for the first target."""
    each = find(targets, **{"seconds": SECONDS, **options})[0]
    assert each is not None
    return each


def shown(*targets: Any, **options: Any) -> tuple[str, str, str]:
    """Return path, root and kind, with the module's name as a person would have it."""
    holder = found(*targets, **options).holder
    return holder.path.replace(NAME, "shop"), holder.root.replace(NAME, "shop"), holder.root_kind


def chain(holder: Holder) -> list[tuple[str, str]]:
    """Return the links of a holder, with the module's name as a person would have it."""
    return [(each.type.replace(NAME, "shop"), each.via.replace(NAME, "shop")) for each in holder.chain]


def growing(holder: Holder) -> list[str]:
    """Return the types of the links that grow."""
    return [each.type for each in holder.chain if each.grows]


def test_dict_of_a_module(shop: Any) -> None:
    """Path, root, chain and size tell which container of which module keeps the object."""
    shop.requests.update((f"user {number}", shop.Context()) for number in range(5))

    holder = found(*shop.requests.values()).holder

    assert holder.path == f"{NAME}.requests[…]"
    assert (holder.root, holder.root_kind) == (f"module {NAME}", "module")
    assert chain(holder) == [("dict", "attribute requests of module shop"), ("shop.Context", "item")]
    assert holder.size == 5
    assert [each.size for each in holder.chain] == [5, None]
    assert growing(holder) == ["dict"]


def test_keys_of_the_host_are_private(shop: Any) -> None:
    """A key is in no text unless asked for; then only text and whole numbers, cut to their beginning."""
    shop.requests["secret" * 20] = shop.Context()
    shop.pairs[12] = [shop.Context()]

    hidden = repr([find([shop.requests["secret" * 20], shop.pairs[12][0]], seconds=SECONDS)])

    assert "secret" not in hidden.replace(f"{NAME}.requests", "")
    assert shown(shop.pairs[12][0])[0] == "shop.pairs[int][…]"
    assert shown(shop.pairs[12][0], show_keys=True)[0] == "shop.pairs[12][…]"
    path = shown(shop.requests["secret" * 20], show_keys=True)[0]
    assert path == "shop.requests['" + ("secret" * 7)[:38] + "…]"


@pytest.mark.parametrize(
    ("put", "path"),
    [
        (lambda shop, each: shop.rows.append(each), "shop.rows[…]"),
        (lambda shop, each: shop.rows.append([each]), "shop.rows[…][…]"),
        (lambda shop, each: shop.unique.add(each), "shop.unique[…]"),
        (lambda shop, each: shop.recent.append(each), "shop.recent[…]"),
        (lambda shop, each: shop.requests.update({each: 1}), "shop.requests[…]"),
        (lambda shop, each: shop.pairs.update({1: (2, each)}), "shop.pairs[…]"),
        (lambda shop, each: shop.pairs.update({1: (2, (3, each))}), "shop.pairs[…]"),
        (lambda shop, each: shop.requests.setdefault("of a user", []).append(each), "shop.requests[str][…]"),
        (lambda shop, each: shop.registry.rows.append(each), "shop.registry.rows[…]"),
        (lambda shop, each: shop.registry.by_name.update(a=each), "shop.registry.by_name[…]"),
        (lambda shop, each: setattr(shop.registry, "last", each), "shop.registry.last"),
        (lambda shop, each: setattr(shop.slotted, "rows", [each]), "shop.slotted.rows[…]"),
        (lambda shop, each: setattr(shop, "PAIR", (1, each)), "shop.PAIR[…]"),
        (lambda shop, each: shop.collect(each), "shop.collect.<default seen>[…]"),
        (lambda shop, each: setattr(shop.collect, "last", each), "shop.collect.last"),
        (lambda shop, each: shop.subscribe(each), "shop.callbacks[…].<closure context>"),
        (lambda shop, each: shop.errors.append(ValueError(each)), "shop.errors[…].args[…]"),
        (lambda shop, each: shop.callbacks.append(each.method), "shop.callbacks[…]"),
        (lambda shop, each: shop.callbacks.append(functools.partial(id, each)), "shop.callbacks[…]"),
        (lambda shop, each: shop.callbacks.append(lambda: each), "shop.callbacks[…].<closure each>"),
        (lambda shop, each: shop.requests.update(a=shop.Pair(1, each)), "shop.requests[…].second"),
        (lambda shop, each: shop.requests.update(a=shop.Slots(each)), "shop.requests[…].inner"),
        (lambda shop, each: setattr(shop, "odd", OrderedDict(a=each)), "shop.odd[…]"),
        (lambda shop, each: setattr(shop, "odd", defaultdict(list, a=[each])), "shop.odd[str][…]"),
        (lambda shop, each: setattr(shop, "odd", UserDict(a=each)), "shop.odd.data[…]"),
        (lambda shop, each: setattr(shop, "odd", shop.Rows([each])), "shop.odd[…]"),
        (lambda shop, each: setattr(shop, "odd", shop.Mapping(a=each)), "shop.odd[…]"),
        (lambda shop, each: setattr(shop, "odd", shop.Mapping.of(each)), "shop.odd.extra[…]"),
        (lambda shop, each: setattr(shop, "odd", WeakKeyDictionary({shop.Context: each})), "shop.odd.data[…]"),
        (lambda shop, each: shop.queue.put(each), "shop.queue.queue[…]"),
        (lambda shop, each: shop.simple_queue.put((1, each)), "shop.simple_queue[…]"),
        (lambda shop, each: shop.decorated.__wrapped__(each), "shop.decorated.__wrapped__.<default seen>[…]"),
    ],
)
def test_what_a_module_holds(shop: Any, put: Any, path: str) -> None:
    """Each way to hold an object is written as a person would write it, and ends in the module."""
    each = shop.Context()
    put(shop, each)

    assert shown(each)[0] == path


def test_what_a_callback_is_made_of(shop: Any) -> None:
    """A bound method or a partial is left out of the path, and told in words."""
    one, two = shop.Context(), shop.Context()
    shop.callbacks += [one.method, functools.partial(id, two)]

    assert chain(found(one).holder)[-1] == ("shop.Context", "item, bound method")
    assert chain(found(two).holder)[-1] == ("shop.Context", "item, functools.partial")


def test_class_made_at_run_time(shop: Any) -> None:
    """A class that was made for a unit is residue like any other object."""
    shop.rows.append(type("Made", (), {"method": lambda self: self}))

    assert shown(shop.rows[0]) == ("shop.rows[…]", "module shop", "module")


def test_object_of_a_class_made_at_run_time(shop: Any) -> None:
    """What only such a class holds is held by whatever holds the class."""
    each = shop.Context()
    shop.rows.append(type("Made", (), {"context": each}))

    assert shown(each) == ("shop.rows[…].context", "module shop", "module")


def test_what_memguard_itself_holds(shop: Any) -> None:
    """Nothing is said of what only memguard holds."""
    each = [shop.Context()]
    part = Part("a part of memguard")
    part.name = each  # type: ignore[assignment]  # whatever memguard may hold

    assert find(each[:], seconds=SECONDS) == (None,)
    assert find([each], seconds=SECONDS, growing=True) == (None,)


def test_attribute_of_a_class(shop: Any) -> None:
    """A container that is a class's own belongs to the class."""
    shop.Registry.cache["x"] = shop.Context()

    assert shown(shop.Registry.cache["x"]) == ("shop.Registry.cache[…]", "class shop.Registry", "class")


def test_closure_of_a_function_with_a_name(shop: Any) -> None:
    """The free variable of a function that a module has is a root of its own."""
    each = shop.Context()
    shop.connect(each)

    assert shown(each) == ("shop.connect.<closure handlers>[…]", "closure of shop.connect", "closure")
    assert chain(found(each).holder)[0] == ("list", "closure variable handlers of shop.connect")


def test_cache_of_a_function(shop: Any) -> None:
    """What `functools.lru_cache` made is a container of a cap of its own: its results and the arguments it keeps."""
    assert shown(shop.load(1)) == ("shop.load.cache[…]", "module shop", "module")
    assert shown(shop.service.load("x")) == ("shop.Service.load.cache[…]", "class shop.Service", "class")
    service = shop.Service()
    service.load("y")
    assert shown(service)[0] == "shop.Service.load.cache[…]"
    holder = found(shop.load(1)).holder
    assert growing(holder) == ["functools._lru_cache_wrapper"]
    assert holder.size == 1


def test_thread_local(shop: Any) -> None:
    """The dicts behind a thread-local are left out; the attribute is named, also in another live thread."""
    ready, done = threading.Event(), threading.Event()
    made: list[Any] = []

    def work() -> None:
        shop.local.rows = [shop.Context()]
        made.append(weakref.ref(shop.local.rows[0]))
        ready.set()
        done.wait(SECONDS)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(SECONDS)
        assert shown(made[0]()) == ("shop.local.rows[…]", "thread-local shop.local", "thread-local")
        holder = found(made[0]()).holder
        assert chain(holder)[:2] == [("_thread._local", "attribute local of module shop"), ("list", "attribute rows")]
        assert holder.size == 1
    finally:
        done.set()
        thread.join()


def test_context_variable(shop: Any) -> None:
    """The value of a context variable is found by the name of the variable."""
    each = shop.Context()
    token = shop.current.set([each])
    try:
        expected = "context variable shop.current"
        assert shown(each) == (f"<{expected}>[…]", expected, "context-variable")
    finally:
        shop.current.reset(token)


def test_thread(shop: Any) -> None:
    """What a thread was started with is held by the thread, named by what it runs."""
    done = threading.Event()
    rows = [shop.Context()]
    thread = threading.Thread(target=shop.serve, args=([], done, rows)[:2])
    thread.rows = rows  # type: ignore[attr-defined]  # as a subclass would
    thread.start()
    try:
        assert shown(rows[0]) == ("<thread shop.serve>.rows[…]", "thread shop.serve", "thread")
    finally:
        done.set()
        thread.join()


def test_local_variable_of_a_running_thread(shop: Any) -> None:
    """The collector does not show the variables of running frames; they are found all the same."""
    ready: list[Any] = []
    done = threading.Event()
    thread = threading.Thread(target=shop.serve, args=(ready, done))
    thread.start()
    try:
        deadline = monotonic() + SECONDS
        while not ready:
            assert monotonic() < deadline, "the thread never began"
        each = ready.pop()
        assert shown(each) == ("<frame shop.serve>.<local seen>[…]", "frame of shop.serve", "frame")
        each = weakref.ref(each)
        assert each() is not None
    finally:
        done.set()
        thread.join()
    assert each() is None


def test_variables_of_a_running_function_are_not_kept(shop: Any) -> None:
    """What the function drops after the search is gone, though the function still runs."""
    made: list[Any] = []
    drop, dropped, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        seen = [shop.Context()]
        made.append(weakref.ref(seen[0]))
        drop.wait(SECONDS)
        seen = []
        dropped.set()
        seen.append(done.wait(SECONDS))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        deadline = monotonic() + SECONDS
        while not made:
            assert monotonic() < deadline, "the thread never began"
        each = made.pop()
        assert found(each()).holder.root_kind == "frame"
        drop.set()
        assert dropped.wait(SECONDS)
        assert each() is None
    finally:
        drop.set()
        done.set()
        thread.join()


def test_variables_that_somebody_else_reads(shop: Any) -> None:
    """Whoever has got the variables of a running function from its frame still has them afterwards."""
    ready: list[Any] = []
    done = threading.Event()
    thread = threading.Thread(target=shop.serve_watched, args=(ready, done))
    thread.start()
    try:
        deadline = monotonic() + SECONDS
        while len(ready) < 2:
            assert monotonic() < deadline, "the thread never began"
        each, kept = ready
        ready.clear()
        kept = [kept]
        assert found(each).holder.root_kind == "frame"
        assert kept[0]["seen"][0] is each
    finally:
        done.set()
        thread.join()


def test_suspended_generator(shop: Any) -> None:
    """A generator that nobody goes on with keeps its variables; its holder is told with it."""
    each = shop.Context()
    shop.rows.append(shop.generate(each))
    next(shop.rows[0])

    assert shown(each) == ("shop.rows[…].<local context>", "module shop", "module")
    assert chain(found(each).holder)[-1] == ("shop.Context", "local variable context of shop.generate")


def test_variables_that_may_not_be_set(shop: Any) -> None:
    """A name is told only where it is certain: variables that were deleted shift those after them."""
    each = shop.Context()
    shop.rows.append(shop.generate_after_deleting(1, 2, [each]))
    next(shop.rows[0])

    path = shown(each)[0]

    assert path in {"shop.rows[…].<local>[…]", "shop.rows[…].<local third>[…]"}


async def test_task(shop: Any) -> None:
    """What a waiting task has in its variables is held by the task, however the event loop holds that."""
    done = asyncio.Event()
    each = weakref.ref(argument := shop.Context())
    tasks = [asyncio.create_task(shop.poll(argument, done))]
    del argument
    await asyncio.sleep(0)

    path, root, kind = shown(each())

    assert path.startswith("<task shop.poll>.<local")
    assert (root, kind) == ("asyncio task shop.poll", "coroutine")
    done.set()
    await asyncio.gather(*tasks)


async def test_task_that_a_module_keeps(shop: Any) -> None:
    """A task in a module's set is the module's: that is where it can be taken out."""
    done = asyncio.Event()
    each = weakref.ref(argument := shop.Context())
    shop.unique.add(asyncio.create_task(shop.poll(argument, done)))
    del argument
    await asyncio.sleep(0)

    path, root, kind = shown(each())

    assert path.startswith("shop.unique[…].<local")
    assert (root, kind) == ("module shop", "module")
    done.set()
    await asyncio.gather(*shop.unique)


def test_scheduled_call(shop: Any) -> None:
    """What waits in an event loop to be called is held by the loop."""
    each = shop.Context()
    loop = asyncio.new_event_loop()
    loop.call_later(SECONDS, id, each)
    try:
        _, root, kind = shown(each)
    finally:
        loop.close()

    assert (root, kind) == ("asyncio event loop", "coroutine")


def test_exception_kept_with_its_traceback(shop: Any) -> None:
    """The variables of the functions an exception went through live as long as the exception."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  it is the only one
        shop.fail()
    shop.errors.append(caught.value)
    frame = caught.tb.tb_next.tb_frame  # type: ignore[union-attr]
    each = next(held for held in gc.get_referents(frame) if type(held) is shop.Context)
    del frame, caught

    assert shown(each) == ("shop.errors[…].__traceback__.<local context>", "module shop", "module")
    assert chain(found(each).holder)[-1] == ("shop.Context", "traceback, local variable context of shop.fail")


def test_finalizer(shop: Any) -> None:
    """`weakref.finalize` keeps what it will be called with in its class."""
    each = shop.Context()
    finalizer = weakref.finalize(shop.registry, id, each)
    try:
        assert shown(each) == ("weakref.finalize._registry[…].args[…]", "class weakref.finalize", "class")
    finally:
        finalizer.detach()


EXIT_HOOKS = """
import atexit, weakref
from memguard.explain.holders import find

class Context:
    pass

def hook(each):
    pass

def register():
    last = Context()
    for _ in range(64):
        atexit.register(hook, Context())
    atexit.register(hook, last)
    return weakref.ref(last)

def look(each):
    holder = find([each], seconds=20)[0].holder
    print(holder.root_kind, holder.path, holder.root)

each = register()
look(each())
look(Context())
"""


def test_exit_hooks() -> None:
    """The list of exit hooks is C code's: an object that nothing else holds is put to it where it is far too long."""
    done = subprocess.run([sys.executable, "-c", EXIT_HOOKS], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("interpreter <exit hooks>[…] ")
    assert first.endswith(" exit hooks (atexit)")
    assert second == "unknown <__main__.Context> unknown"


def test_linked_list(shop: Any) -> None:
    """A list of thousands of nodes is no obstacle, and written as one step."""
    node = last = shop.Node(None)
    for _ in range(3_000):
        node = shop.Node(node)
    shop.registry.head = node
    del node

    holder = found(last).holder

    assert holder.path == f"{NAME}.registry.head(….next)*"
    assert chain(holder)[-1] == ("shop.Node", "attribute next, 3000 times")
    assert holder.root_kind == "module"


def test_rows_by_way_of_dicts(shop: Any) -> None:
    """Nodes that refer to each other by a container of theirs make a row, too."""
    last = shop.Registry()
    shop.requests["tree"] = last
    for _ in range(100):
        above = shop.Registry()
        above.by_name["below"] = shop.requests["tree"]
        shop.requests["tree"] = above

    assert shown(last)[0].startswith("shop.requests[str](….by_name[str])*.by_name")


def test_the_namespace_of_an_object(shop: Any) -> None:
    """What grows may be the attributes of an object themselves."""
    vars(shop.registry).update((f"attribute {number}", number) for number in range(100))

    assert shown(vars(shop.registry), growing=True)[0] == "shop.registry.__dict__"
    assert shown(vars(shop), growing=True) == ("shop.__dict__", "module shop", "module")


def test_endless_chain_of_other_things(shop: Any) -> None:
    """A chain that cannot be climbed ends with an honest unknown, and the part of it that was found."""
    each = target = [shop.Context()]
    for _ in range(60):
        each = [each]
    shop.requests["nested"] = each

    holder = found(target[0]).holder

    assert (holder.root, holder.root_kind) == ("unknown", "unknown")
    assert holder.path.startswith("<list>[…][…]")


def test_the_container_that_most_residue_is_in_grows(shop: Any) -> None:
    """Not the small one inside each unit's residue, but the one that gets an entry for each."""
    shop.rows.extend({"context": shop.Context(), "more": [1, 2]} for _ in range(5))

    holder = found(*[row["context"] for row in shop.rows]).holder

    assert holder.path == f"{NAME}.rows[…][str]"
    assert growing(holder) == ["list"]
    assert holder.size == 5


def test_containers_that_are_residue_themselves_do_not_grow(shop: Any) -> None:
    """Of one unit's residue, the container that is none of it is the one that grows."""
    inner = [shop.Context(), shop.Context(), shop.Context()]
    shop.requests["x"] = inner

    assert growing(found(inner[0], inner[1], inner).holder) == ["dict"]


def test_a_container_that_was_seen_to_grow(shop: Any) -> None:
    """The chain ends with the container itself, and it is the one that grows."""
    shop.registry.rows.append(1)

    each = found(shop.registry.rows, growing=True)

    assert each.holder.path == f"{NAME}.registry.rows"
    assert each.holder.size == 1
    assert [link.grows for link in each.holder.chain] == [False, True]
    assert each.anchor is not None
    assert each.anchor.container() is shop.registry.rows


def test_the_module_that_owns_comes_before_one_that_borrows(shop: Any) -> None:
    """Of an application's module and a library's that both hold an object, the application's is told."""
    each = shop.Context()
    shop.rows.append(each)
    pytest.borrowed = shop.rows  # type: ignore[attr-defined]  # any library's module
    try:
        assert shown(each)[0] == "shop.rows[…]"
    finally:
        del pytest.borrowed  # type: ignore[attr-defined]


def test_the_module_that_made_it_comes_before_those_that_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of equals, the module whose code assigns the name is told, or the one the object's class is from."""
    (tmp_path / "planted_one.py").write_text("rows = [[]]\nfrom planted_two import (\n    more,\n    thing,\n)\n")
    (tmp_path / "planted_two.py").write_text(
        "from planted_one import rows\nmore = [[]]\nclass Thing:\n    pass\nthing = Thing()\nthing.rows = [[]]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one = importlib.import_module("planted_one")
    try:
        assert shown(one.rows[0])[0] == "planted_one.rows[…]"
        assert shown(one.more[0])[0] == "planted_two.more[…]"
        assert shown(one.thing.rows[0])[0] == "planted_two.thing.rows[…]"
    finally:
        del sys.modules["planted_one"], sys.modules["planted_two"]


def test_frozen_heap(shop: Any) -> None:
    """What the application froze is nobody's referrer: it is found from its modules down."""
    with frozen_heap():
        each = shop.Context()
        shop.registry.rows.append([each])
        assert shown(each) == ("shop.registry.rows[…][…]", "module shop", "module")


def test_frozen_heap_that_hides_the_holder(shop: Any) -> None:
    """Where even that does not help, the reason is said."""
    hidden = [[[[[[[[[]]]]]]]]]  # type: ignore[var-annotated]
    inner: Any = hidden
    while inner:
        inner = inner[0]
    shop.rows.append(hidden)
    with frozen_heap():
        inner.append(each := shop.Context())
        assert shown(each, seconds=1.0)[1:] == ("not visible: the application froze its heap", "unknown")


def test_frozen_heap_of_a_large_application(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the names of all modules comes before deep in any: one with much in it leaves time for those after it."""
    looked: list[tuple[str, int]] = []

    def ways(
        namespace: dict[str, Any], module: str, wanted: set[int], most: int, is_over: Callable[[], bool]
    ) -> Iterator[list[Any]]:
        looked.append((module, most))
        return topdown.ways(namespace, module, wanted, most, is_over)

    monkeypatch.setattr(search, "topdown", SimpleNamespace(ways=ways, OBJECTS_MOST=topdown.OBJECTS_MOST))
    with frozen_heap():
        shop.registry.rows.append([each := shop.Context()])
        assert shown(each)[0] == "shop.registry.rows[…][…]"
    at_first, then = topdown.OBJECTS_MOST
    assert {most for _, most in looked} == {at_first}
    assert at_first < then


def test_disabled_collector(shop: Any) -> None:
    """A host that switched the collector off gets the same answer, and its collector stays off."""
    gc.disable()
    try:
        shop.rows.append(shop.Context())
        assert shown(shop.rows[0])[0] == "shop.rows[…]"
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_no_code_of_the_host_runs(shop: Any) -> None:
    """Objects that refuse everything, as keys, values, containers and instances of hostile classes, are looked at."""
    shop.requests["a"] = shop.Hostile()
    hostile = shop.Hostile()
    mapping = shop.HostileDict()
    dict.__setitem__(mapping, "inner", shop.Hostile())
    shop.rows.append(mapping)
    kind = shop.Meta.__new__(shop.Meta, "Odd", (), {"__module__": NAME})
    odd = object.__new__(kind)
    list.append(shop.rows, odd)
    shop.recent.append(hostile)
    inner = dict.__getitem__(mapping, "inner")
    targets = [shop.requests["a"], inner, odd, hostile]

    paths = [each.holder.path.replace(NAME, "shop") for each in find(targets, seconds=SECONDS) if each]

    assert paths == ["shop.requests[…]", "shop.rows[…][str]", "shop.rows[…]", "shop.recent[…]"]
    list.clear(shop.rows)


def test_nothing_is_kept_alive(shop: Any) -> None:
    """What was looked at dies with the last reference of the host's, though the answer is still there."""
    shop.rows.append([shop.Context()])
    target = weakref.ref(shop.rows[0][0])

    each = found(target())
    shop.rows.clear()

    assert each.anchor is not None
    assert target() is None


def test_a_busy_application(shop: Any) -> None:
    """Containers that change and tuples that are built all the while disturb nothing, here and there."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def change() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                each = shop.Context()
                shop.requests[number % 50] = (number, each)
                shop.requests.pop((number + 25) % 50, None)
                shop.recent.append([each])
                shop.unique.add(each)
                if number % 40 == 0:
                    shop.recent.clear()
                    shop.unique.clear()
        except BaseException as error:
            failures.append(error)

    busy = threading.Thread(target=change)
    busy.start()
    target = shop.Context()
    shop.registry.rows.append((target,))
    try:
        with tuples_built_meanwhile() as others:
            paths = {shown(target, shop.recent, shop.unique)[0] for _ in range(10)}
    finally:
        stop.set()
        busy.join()

    assert failures == []
    assert others == []
    assert paths == {"shop.registry.rows[…]"}


def test_time_is_over(shop: Any) -> None:
    """Without time there is no answer rather than a wrong one."""
    shop.rows.append(shop.Context())

    assert find(shop.rows, seconds=0.0) == (None,)
    assert find([], seconds=1.0) == ()


def test_more_targets_than_are_looked_for(shop: Any) -> None:
    """There is one answer for each target, though only so many are looked for."""
    shop.rows.extend(shop.Context() for _ in range(holders.TARGETS_MOST + 3))

    answers = find(shop.rows[:], seconds=SECONDS)

    assert [each is None for each in answers] == [False] * holders.TARGETS_MOST + [True] * 3


def test_the_most_frequent_path_represents_many(shop: Any) -> None:
    """Of many answers the most frequent shape with a root is given; of none, none."""
    shop.requests.update({1: shop.Context(), 2: shop.Context()})
    shop.rows.append(shop.Context())

    answers = find([shop.rows[0], *shop.requests.values()], seconds=SECONDS)

    best = holders.representative((None, *answers))
    assert best is not None
    assert best.holder.path == f"{NAME}.requests[…]"
    assert holders.representative([None]) is None


def test_bound_of_a_cache(shop: Any) -> None:
    """A table has the bound of the cache whose part it is; a plain container below a module has none."""

    class Cache:
        def __init__(self, maxsize: int) -> None:
            self.__maxsize = maxsize
            self.table: dict[int, Any] = {}

    @functools.lru_cache(maxsize=1000)
    def price(number: int) -> list[int]:
        return [number]

    @functools.cache
    def name(number: int) -> list[int]:
        return [number]

    price(1)
    name(1)
    shop.price, shop.name, shop.cache, shop.maxsize, shop.plain = price, name, Cache(700), 10, {1: []}
    tables = [
        next(each for each in gc.get_referents(cached) if type(each) is dict and 1 in each) for cached in (price, name)
    ]

    assert found(tables[0], growing=True).bound == 1000
    assert found(tables[1], growing=True).bound is None
    assert found(shop.cache.table, growing=True).bound == 700
    assert found(shop.plain, growing=True).bound is None


IN_A_GREENLET = """
from gevent import monkey
monkey.patch_all()
import gevent
from memguard.explain.holders import find

def look():
    kept = [object()]
    return find(kept, seconds=5.0), kept

(found,), kept = gevent.spawn(look).get()
assert found is None or found.holder.root_kind in {"unknown", "frame", "coroutine"}, found
"""


def test_a_search_in_a_greenlet() -> None:
    """There a thread's identity is none of the interpreter's, so the search may not look itself up by it."""
    ran = subprocess.run([sys.executable, "-c", IN_A_GREENLET], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
