"""What somebody wishes to know of an operation, and how much may be done to find it out."""

from collections import Counter
from dataclasses import dataclass, field

from memguard.instruments.traces import Frames

FRAMES_FIRST, FRAMES = 1, 16
"""A traceback of one frame costs a third of a deep one, and most of what stays was allocated by a line of the
application itself. Where it was not, frameworks and ORMs put some ten frames between that line and the allocation."""
WINDOWS_MOST, EXHIBITS_ENOUGH, TRIED_LEAST = 60, 2, 3
SECONDS_MOST, SECONDS_MOST_RARE = 6.0, 15.0
WINDOWS_LEAST, WINDOWS_LEAST_RARE, SLOW = 8, 24, 3.0
"""A busy process gets fewer windows out of that time: it has so many times as long until it has had so many. Of what one
unit in a hundred leaves, few windows see anything."""
SHARE_OF_OTHERS = 0.25
"""Share of a traced window's time that counts for an operation that did not come in it."""
SECONDS_AT_ONCE, SECONDS_AT_ONCE_MOST, FRUITLESS_MOST = 0.5, 4.0, 3
"""A window is no longer than this; twice as long after so many that saw nothing of their operation, and so on."""
REST = 1.0
"""After a traced window so many times as long passes without."""
GAP_LEAST = 0.1
UNITS, UNITS_MOST, RARE = 4, 64, 0.2
"""A window spans so many for each operation that is asked about, more of one that leaves something rarely."""
MIXED_WINDOWS_LEAST = 12
"""After so many windows without better evidence that of windows over several operations has to do."""
EXAMINED_MOST = 20_000
TRACES_KEPT = 12


@dataclass(slots=True)
class Wish:
    """Where an operation allocates objects of these types, and entries of the container at that path.

    Attributes:
        units: A window should span so many.
        windows, fruitless: Traced windows and units so far, and those since the last that saw anything.
        is_deep: One frame was not enough.
        is_met: Its units say what they run before they do.
        missed: Traced units in a row that saw nothing.
        exhibits, through_own_code: Objects whose traceback was seen, and those allocated by the operation's own code.
        seconds: How long it was traced.
        frames, sizes: Objects and bytes by traceback.
    """

    types: frozenset[str]
    path: str
    units: int
    windows: int = 0
    fruitless: int = 0
    is_deep: bool = False
    is_met: bool = False
    missed: int = 0
    exhibits: int = 0
    through_own_code: int = 0
    seconds: float = 0.0
    frames: Counter[Frames] = field(default_factory=Counter)
    sizes: Counter[Frames] = field(default_factory=Counter)

    @property
    def is_for_units(self) -> bool:
        """Its units are known before their work begins, so that no others need to be traced."""
        return self.is_met and bool(self.path) and self.missed < FRUITLESS_MOST

    @property
    def is_open(self) -> bool:
        """There is more to find out, and it has not cost too much yet."""
        most, least = SECONDS_MOST, WINDOWS_LEAST
        if self.units >= 2 / RARE:
            most, least = SECONDS_MOST_RARE, WINDOWS_LEAST if self.exhibits else WINDOWS_LEAST_RARE
        has_time = self.seconds < most or (self.windows < least and self.seconds < SLOW * most)
        return self.windows < WINDOWS_MOST and self.exhibits < EXHIBITS_ENOUGH and has_time

    @property
    def needs_depth(self) -> bool:
        """One frame does not do: also where whose objects they are is known by their tracebacks alone."""
        return self.is_deep or not self.path or self.fruitless >= FRUITLESS_MOST
