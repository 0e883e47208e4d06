"""Which lines of a function take memory: a decorator, and the table it prints.

@profile_lines(units=3)
def bill(order): ...
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, TypeVar

from memguard.commands import FollowedFunction
from memguard.instruments.following import TakenError
from memguard.instruments.lines import Lines, functions_of
from memguard.instruments.traces import Tracing
from memguard.units import format_bytes

Function = TypeVar("Function", bound=Callable[..., Any])
WIDTH_MOST = 100


def profile_lines(*, units: int = 1, tell: Callable[[str], object] | None = None) -> Callable[[Function], Function]:
    """Return a decorator: the first `units` calls are followed line by line, then the table is told, once.

    Args:
        units: How many calls. Afterwards the function runs as without it.
        tell: Called with the table; writes it to stderr by default.

    While a call is followed tracemalloc is on, which slows the whole process down. Where a debugger or a coverage tool
    watches the call it is not followed, and does not count.
    """

    def decorate(function: Function) -> Function:
        code = inspect.unwrap(function).__code__
        wrapper = _wrapper(function, code, Lines(), units, tell or sys.stderr.write)
        return functools.wraps(function)(wrapper)  # type: ignore[return-value]  # it is called in the same way

    return decorate


def _wrapper(
    function: Callable[..., Any], code: CodeType, lines: Lines, units: int, tell: Callable[[str], object]
) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def awaited(*arguments: Any, **named: Any) -> Any:
            if lines.units >= units:
                return await function(*arguments, **named)
            with _followed(lines, code, units, tell):
                return await function(*arguments, **named)

        return awaited

    def called(*arguments: Any, **named: Any) -> Any:
        if lines.units >= units:
            return function(*arguments, **named)
        with _followed(lines, code, units, tell):
            return function(*arguments, **named)

    return called


@contextmanager
def _followed(lines: Lines, code: CodeType, units: int, tell: Callable[[str], object]) -> Iterator[None]:
    with traced():
        try:
            lines.begin([code])
        except TakenError:
            yield
            return
        try:
            yield
        finally:
            lines.end()
    if lines.units == units:
        tell(table(functions_of(lines.found)))


@contextmanager
def traced() -> Iterator[None]:
    """Have tracemalloc on; where the host has started it, it stays as it is."""
    tracing = Tracing()
    tracing.start(1)
    try:
        yield
    finally:
        tracing.stop()


def table(functions: Iterable[FollowedFunction]) -> str:
    """Return what was found beside the source, function by function."""
    return "".join(map(_of, functions))


def _of(function: FollowedFunction) -> str:
    told = [f"\n{function.name}  {function.file}:{function.lines[0].line}\n"]
    told.append(f"{'line':>6} {'hits':>8} {'before':>10} {'increment':>10} {'peak':>10}  source\n")
    for each in function.lines:
        sizes = (each.before, each.increment, each.peak) if each.hits else ()
        figures = f"{each.hits:>8,} " + " ".join(f"{format_bytes(size):>10}" for size in sizes)
        told.append(f"{each.line:>6} {figures if each.hits else '':<41}  {each.source[:WIDTH_MOST]}".rstrip() + "\n")
    return "".join(told)
