"""The fixture `memguard`."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing

import pytest

from memguard.pytest_plugin.judging import Begun, begun, settled
from memguard.trials.limits import load
from memguard.trials.trial import Outcome


class Memguard:
    """What the fixture gives: a way to try anything that can be called."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def check(self, call: Callable[..., object], *arguments: object, **limits: object) -> Outcome:
        """Call it in rounds until it settles; return what was measured.

        Args:
            call: What to run: a test client's call, a task. What it raises passes through.
            arguments: What it is called with.
            limits: `max_growth`, `max_peak`, `max_objects`, `repeat`, `warmup`, as for the marker.

        Raises:
            pytest.fail.Exception: Each run leaves something, or it takes more than the limits allow.
            LimitError: A limit is unknown or malformed; it is a ValueError.
        """
        trial = self._begun(limits)
        with trial.paused, closing(trial.runs) as runs:
            for _ in runs:
                if inspect.isawaitable(answer := call(*arguments)):
                    if inspect.iscoroutine(answer):
                        answer.close()
                    raise TypeError(f"{_name(call)} has to be awaited: use `await memguard.check_async(...)`")
                del answer
        return settled(trial, self._item, _name(call))

    async def check_async(
        self, call: Callable[..., Awaitable[object]], *arguments: object, **limits: object
    ) -> Outcome:
        """As `check`, for what has to be awaited."""
        trial = self._begun(limits)
        with trial.paused, closing(trial.runs) as runs:
            for _ in runs:
                await call(*arguments)
        return settled(trial, self._item, _name(call))

    def _begun(self, limits: Mapping[str, object]) -> Begun:
        return begun(load(limits), self._item)


def _name(call: object) -> str:
    name = getattr(call, "__qualname__", None) or getattr(call, "name", None)
    return str(name) if isinstance(name, str) and "<lambda>" not in name else "what is checked"
