"""What an entry of the catalogue is."""

from collections.abc import Callable
from dataclasses import dataclass

from memguard.evidence import Pattern
from memguard.readings import Clues


@dataclass(frozen=True, slots=True)
class Entry:
    """A known kind of leak.

    Attributes:
        id: Its name in reports (design §10); its page in the documentation has the same.
        title: What it is, in a few words.
        advice: What to do about it: two or three sentences, with the fix in code.
        detect: Tells from the clues whether it is this one; pure. It is asked only if no earlier entry said yes.
    """

    id: str
    title: str
    advice: str
    detect: Callable[[Clues], bool]

    @property
    def page(self) -> str:
        """The page about it, seen from `docs/`."""
        return f"patterns/{self.id}.md"

    @property
    def pattern(self) -> Pattern:
        """What a finding says of it."""
        return Pattern(self.id, self.title, self.advice)
