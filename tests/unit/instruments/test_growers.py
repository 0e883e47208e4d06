import gc
import sys
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from types import FunctionType, ModuleType
from typing import Any

import pytest

from memguard.instruments.growers import ENTRIES_LEAST, FOUND_MOST, Growers, entries, is_buffer


class Registry(dict[int, object]):
    """A container of the host's own, whose code must not run."""

    def __len__(self) -> int:
        raise AssertionError("the host's code ran")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the host's code ran")

    __hash__ = None


Add = Callable[[Any, int], object]
KINDS: dict[str, tuple[Callable[[], Any], Add]] = {
    "list": (list, lambda box, number: box.append([number])),
    "dict": (dict, lambda box, number: box.__setitem__(number, [number])),
    "set": (set, lambda box, number: box.add(str(number))),
    "deque": (deque, lambda box, number: box.appendleft(number)),
    "OrderedDict": (OrderedDict, lambda box, number: box.__setitem__(number, "x")),
    "defaultdict": (lambda: defaultdict(list), lambda box, number: box[number]),
    "Registry": (Registry, lambda box, number: box.__setitem__(number, b"x")),
    "list of text": (list, lambda box, number: box.append(str(number))),
}


def is_in(box: object, found: list[Any]) -> bool:
    """Tell whether it was found, by identity."""
    return any(each is box for each in found)


def scan_while(
    grows: Callable[[int], object],
    growers: Growers,
    scans: int = 4,
    *,
    deep: bool = False,
    roots: Sequence[dict[str, Any]] = (),
) -> list[Any]:
    """Scan, and let it grow by some entries before each scan; return what the last one found."""
    found: list[Any] = []
    for scan in range(scans):
        found.clear()
        for number in range(ENTRIES_LEAST):
            grows(scan * 100 + number)
        found = growers.scan(roots, deep=deep)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_that_grows_is_found(kind: str) -> None:
    """Of any built-in layout, whatever it holds."""
    make, add = KINDS[kind]
    box, still = make(), make()
    for number in range(50):
        add(still, number)
    found = scan_while(lambda number: add(box, number), Growers())

    assert is_in(box, found)
    assert not is_in(still, found)


def test_a_dict_of_plain_values() -> None:
    """CPython's collector does not know it; a deep scan finds it, as the value of something that it does know."""
    box: dict[str, int] = {}
    owner = [box]
    assert not gc.is_tracked(box)
    found = scan_while(lambda number: box.__setitem__(str(number), number), Growers(), deep=True)

    assert is_in(box, found)
    assert not gc.is_tracked(box)
    assert owner


def test_deep_scans_now_and_then() -> None:
    """Shallow scans between them do not make the deep ones forget."""
    box: dict[str, int] = {}
    owner, growers = [box], Growers()
    found: list[Any] = []
    for scan in range(9):
        found.clear()
        box.update((str(number), number) for number in range(len(box), len(box) + 10))
        found = growers.scan(deep=scan % 3 == 0)
        if scan == 6:
            break

    assert is_in(box, found)
    assert owner


def test_a_full_cache_is_not_found() -> None:
    """It gains an entry for each that it loses."""
    box: OrderedDict[int, object] = OrderedDict((number, [number]) for number in range(64))

    def replace(number: int) -> None:
        box[number + 1000] = [number]
        box.popitem(last=False)

    assert not is_in(box, scan_while(replace, Growers(), scans=6))


def test_a_buffer_that_empties_is_not_found() -> None:
    """Each time it is seen smaller its growth begins anew."""
    box: list[object] = []
    growers = Growers()
    for _ in range(4):
        for _ in range(2):
            box.extend([object()] * 20)
            assert not is_in(box, growers.scan())
        box.clear()


def test_the_most_grown_come_first_and_no_more_than_so_many() -> None:
    """A flood of growing containers is bounded."""
    boxes: list[list[int]] = [[] for _ in range(FOUND_MOST + 30)]
    growers, found = Growers(), []
    for _ in range(4):
        for place, box in enumerate(boxes):
            box.extend(range(ENTRIES_LEAST + place))
        found = growers.scan()

    assert len(found) == FOUND_MOST
    assert found[0] is boxes[-1]


def test_nothing_is_held() -> None:
    """What was seen may go; its address is no reference."""

    class Box(list[int]):
        pass

    box = Box()
    growers, reference = Growers(), weakref.ref(box)
    found = scan_while(box.append, growers)
    assert is_in(box, found)
    found.clear()
    del box

    assert reference() is None


@pytest.fixture
def frozen_module() -> Iterator[ModuleType]:
    """A module whose objects the host has frozen, as with a preloaded application."""
    module = ModuleType("frozen_shop")
    sys.modules["frozen_shop"] = module
    module.cache = {"by_user": {}}  # type: ignore[attr-defined]
    gc.freeze()
    yield module
    gc.unfreeze()
    del sys.modules["frozen_shop"]


def test_a_heap_that_the_host_froze(frozen_module: ModuleType) -> None:
    """Containers near the names of its modules are found though the collector does not show them."""
    box = frozen_module.cache["by_user"]
    found = scan_while(lambda number: box.__setitem__(number, [number]), Growers())

    assert is_in(box, found)


@pytest.mark.parametrize(
    ("container", "gained", "expected"),
    [
        ([1, 2, 3, 4], 1, [4, 1]),
        ({"a": 1, "b": 2}, 1, [2]),
        (OrderedDict(a=1, b=2), 1, [2]),
        (deque([1, 2, 3]), 1, [3, 1]),
        ({7}, 1, [7]),
        (7, 1, []),
    ],
)
def test_entries(container: object, gained: int, expected: list[object]) -> None:
    """What a container has probably gained, from both of its ends."""
    assert entries(container, gained) == expected


def test_entries_of_a_hosts_own_container() -> None:
    """None of its code runs."""
    assert entries(Registry({1: "x"}), 1) == ["x"]
    assert entries(Registry({1: "x"}), 1, keys=True) == [1]


def test_only_a_dict_has_keys() -> None:
    """Of any other container there are none."""
    assert entries([1], 1, keys=True) == []


def test_a_buffer_that_grows() -> None:
    """It has no entries, and is a container of bytes all the same."""
    buffer, plain = BytesIO(), bytearray()
    owner = {"journal": buffer, "transcript": plain}

    def write(number: int) -> None:
        buffer.write(b"a line" * 1000)
        plain.extend(b"a line")

    found = scan_while(write, Growers(), roots=[owner])

    assert is_in(buffer, found)
    assert is_in(plain, found)
    assert is_buffer(buffer)
    assert is_buffer(plain)
    assert not is_buffer(owner)


class Kept:
    """A class of an application."""

    entries: list[list[int]] = []  # noqa: RUF012 - this is the mistake


def _with_default(number: int, kept: list[list[int]] = []) -> None:  # noqa: B006 - this is the mistake
    kept.append([number])


def _with_closure() -> Callable[[int], None]:
    kept: dict[int, list[int]] = {}

    def keep(number: int) -> None:
        kept[number] = [number]

    return keep


@pytest.mark.parametrize("where", ["a list", "a dict of plain values", "a class", "a default", "a closure"])
def test_what_is_near_the_applications_modules(where: str) -> None:
    """It is found without a look at the whole heap; what stays as it is, and what is elsewhere, is not."""
    box, elsewhere = ([[number] for number in range(9)] for _ in range(2))
    plain: dict[str, int] = {"a": 1, "b": 2}
    names: dict[str, Any] = {"box": [box], "plain": plain, "Kept": Kept, "still": [[number] for number in range(9)]}
    closing = _with_closure()
    for function in (_with_default, closing):  # as if they were defined in that module
        names[function.__name__] = FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
    adds: dict[str, Callable[[int], object]] = {
        "a list": lambda number: box.append([number]),
        "a dict of plain values": lambda number: plain.__setitem__(str(number), number),
        "a class": lambda number: Kept.entries.append([number]),
        "a default": _with_default,
        "a closure": closing,
    }
    growers = Growers()
    found: list[Any] = []
    for scan in range(4):
        found.clear()
        for number in range(ENTRIES_LEAST):
            adds[where](scan * 100 + number)
            elsewhere.append([number])
        found = growers.scan_near([names])

    assert [len(each) for each in found] == [len(found[0])]
    assert len(found[0]) >= 4 * ENTRIES_LEAST


def test_near_and_everywhere_in_turn() -> None:
    """What the one has seen grow counts for the other."""
    box = [[number] for number in range(9)]
    growers = Growers()
    for look in (growers.scan_near, growers.scan):
        assert not is_in(box, look([{"box": box}]))
        box.extend([number] for number in range(ENTRIES_LEAST))

    assert is_in(box, growers.scan_near([{"box": box}]))
    box.extend([number] for number in range(ENTRIES_LEAST))
    assert is_in(box, growers.scan())
