"""Work of memguard's own that leaves something in caches: a window that it falls into is not counted."""


class OwnWork:
    """A context manager around such work, in any thread, nested or not.

    It is there before it is used: a context manager made at each use would be a survivor before it could say so.

    Attributes:
        spoiled: Some was going on since this was last set to `going`.
    """

    __slots__ = ("_depth", "spoiled")

    def __init__(self) -> None:
        self._depth = 0
        self.spoiled = False

    @property
    def going(self) -> bool:
        """Some is going on now."""
        return self._depth > 0

    def __enter__(self) -> None:
        self.spoiled = True
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self.spoiled = True
