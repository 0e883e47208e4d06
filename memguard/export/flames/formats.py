"""The formats: each turns allocations into the bytes of a file. Of a difference only what has grown is drawn."""

import gzip
import json
from collections.abc import Callable, Iterable
from typing import Any

from memguard.allocations import Allocations, Group
from memguard.export.flames.naming import Names, stack
from memguard.export.flames.picture import flame_graph


def collapsed(taken: Allocations, names: Names) -> bytes:
    """Return one line a stack, outermost call first, and its bytes: what flamegraph.pl and others read."""
    lines = [
        f"{';'.join(names.label(each).replace(';', ':') for each in stack(group.frames))} {group.bytes}"
        for group in _grown(taken)
    ]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def speedscope(taken: Allocations, names: Names) -> bytes:
    """Return a file for speedscope (its own format, one sampled profile, weights in bytes)."""
    frames: dict[tuple[str, int], int] = {}
    samples, weights = [], []
    for group in _grown(taken):
        samples.append([frames.setdefault(each, len(frames)) for each in stack(group.frames)])
        weights.append(group.bytes)
    told: dict[str, Any] = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "memguard",
        "name": "allocations",
        "shared": {"frames": [{"name": names.label(each), "file": each[0], "line": each[1]} for each in frames]},
        "profiles": [
            {
                "type": "sampled", "name": "bytes that are alive", "unit": "bytes", "startValue": 0,
                "endValue": sum(weights), "samples": samples, "weights": weights,
            }
        ],
    }  # fmt: skip
    return json.dumps(told, separators=(",", ":")).encode()


def pprof(taken: Allocations, names: Names) -> bytes:
    """Return a profile for pprof: gzipped protobuf, with the sample types objects and space, in use."""
    strings: dict[str, int] = {"": 0}

    def text(value: str) -> int:
        return strings.setdefault(value, len(strings))

    functions: dict[tuple[str, str], int] = {}
    locations: dict[tuple[str, int], int] = {}
    body = bytearray()
    for kind, unit in (("inuse_objects", "count"), ("inuse_space", "bytes")):
        body += _field(1, _number(1, text(kind)) + _number(2, text(unit)))
    for group in _grown(taken):
        ids = [locations.setdefault(each, len(locations) + 1) for each in reversed(stack(group.frames))]
        body += _field(2, _packed(1, ids) + _packed(2, [max(0, group.count), group.bytes]))
    for (file, line), number in locations.items():
        name = names.function_at(file, line) or names.label((file, line))
        function = functions.setdefault((file, name), len(functions) + 1)
        body += _field(4, _number(1, number) + _field(4, _number(1, function) + _number(2, line)))
    for (file, name), number in functions.items():
        body += _field(5, _number(1, number) + _number(2, text(name)) + _number(3, text(name)) + _number(4, text(file)))
    default = text("inuse_space")
    for value in strings:
        body += _field(6, value.encode())
    body += _number(9, int(taken.at * 1e9)) + _number(14, default)
    return gzip.compress(bytes(body), mtime=0)


FORMATS: dict[str, Callable[[Allocations, Names], bytes]] = {
    "svg": lambda taken, names: flame_graph(stacks(taken), names).encode(),
    "collapsed": collapsed,
    "speedscope": speedscope,
    "pprof": pprof,
}


def stacks(taken: Allocations) -> list[tuple[tuple[tuple[str, int], ...], int]]:
    """Return the calls of each group, outermost first, and its bytes."""
    return [(stack(group.frames), group.bytes) for group in _grown(taken)]


def _grown(taken: Allocations) -> Iterable[Group]:
    return [group for group in taken.groups if group.bytes > 0]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _field(field, b"".join(map(_varint, values)))
