"""The ring of ended units that waits for the next flush (trace mode).

Rows are packed into one buffer made in advance: a record that allocated objects or blocks of its own would be seen
as residue of the very unit it describes.
"""

import struct
from math import isnan, nan

from memguard.model import Operation, UnitRecord

ROWS = 4096
_ROW = struct.Struct("<11d")
_OBJECTS, _BLOCKS = 8 * 8, 9 * 8


class Records:
    """A bounded ring; rows beyond `ROWS` since the last drain overwrite the oldest."""

    def __init__(self) -> None:
        self._buffer = bytearray(_ROW.size * ROWS)
        self._operations: list[Operation] = []
        self._numbers: dict[Operation, int] = {}
        self._next = 0
        self._drained = 0

    def add(
        self, at: float, operation: Operation, seconds: float, *, error: bool, overlapped: bool, body_sent: float | None,
        traced: int, traced_peak: int | None, objects: int | None, blocks: int | None, rss: int,
    ) -> int:  # fmt: skip
        """Add a row and return its number."""
        number = self._numbers.get(operation)
        if number is None:
            number = self._numbers[operation] = len(self._operations)
            self._operations.append(operation)
        row = self._next
        self._next += 1
        _ROW.pack_into(
            self._buffer, row % ROWS * _ROW.size, at, number, seconds, error, overlapped, _number(body_sent),
            traced, _number(traced_peak), _number(objects), _number(blocks), rss,
        )  # fmt: skip
        return row

    @property
    def added(self) -> int:
        """How many rows were added so far."""
        return self._next

    def settle(self, row: int, objects: int, blocks: int | None) -> None:
        """Put what the settled window says in place of what the counters said at the end."""
        if self._drained <= row and self._next - row <= ROWS:
            struct.pack_into("<d", self._buffer, row % ROWS * _ROW.size + _OBJECTS, objects)
            if blocks is not None:
                struct.pack_into("<d", self._buffer, row % ROWS * _ROW.size + _BLOCKS, blocks)

    def drain(self, until: int | None = None) -> tuple[UnitRecord, ...]:
        """Return the rows added since the last drain, up to the row `until` if one is given."""
        end = self._next if until is None else min(until, self._next)
        first = max(self._drained, end - ROWS)
        self._drained = max(self._drained, end)
        return tuple(self._read(row) for row in range(first, end))

    def _read(self, row: int) -> UnitRecord:
        values = _ROW.unpack_from(self._buffer, row % ROWS * _ROW.size)
        at, number, seconds, error, overlapped, body_sent = values[:6]
        traced, traced_peak, objects, blocks, rss = (None if isnan(each) else int(each) for each in values[6:])
        return UnitRecord(
            at=at,
            operation=self._operations[int(number)],
            seconds=seconds,
            error=bool(error),
            overlapped=bool(overlapped),
            body_sent=None if isnan(body_sent) else body_sent,
            traced=traced,
            traced_peak=traced_peak,
            objects=objects,
            blocks=blocks,
            rss=rss,
        )


def _number(value: float | None) -> float:
    return nan if value is None else value
