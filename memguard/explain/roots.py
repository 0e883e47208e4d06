"""Roots: where a chain of references ends, told apart and named."""

import gc
import sys
import threading
from _thread import _local
from contextvars import Context, ContextVar
from dataclasses import dataclass
from itertools import repeat
from operator import is_
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any

from memguard.classes import module_of, type_name
from memguard.evidence import RootKind
from memguard.explain import access, variables
from memguard.explain.sites import _origin

RANKS: dict[RootKind, int] = {
    "module": 0, "class": 0, "closure": 1, "thread-local": 1, "context-variable": 1, "interpreter": 1,
    "thread": 2, "coroutine": 3, "exception": 4, "frame": 5, "unknown": 9,
}  # fmt: skip
"""What a reader can act on best comes first."""
FIRM = 1
"""A root of this rank or better ends the search."""
_LAST = 9
_ACCIDENTAL = frozenset({"gc", "tracemalloc"})
_HAMT = frozenset({"hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node"})
_REGISTRIES = {
    "threading": ("_active", "_limbo", "_dangling", "_shutdown_locks"),
    "asyncio.tasks": ("_current_tasks", "_scheduled_tasks", "_all_tasks", "_eager_tasks"),
    "_asyncio": ("_current_tasks", "_scheduled_tasks", "_eager_tasks"),
}
"""What Python keeps of running threads and tasks says nothing of who wants them."""
_SUSPENDED = (CoroutineType, GeneratorType, AsyncGeneratorType)


@dataclass(frozen=True, slots=True)
class Root:
    """Where a chain begins.

    Attributes:
        text, kind: As in `memguard.evidence.Holder`.
        prefix: How a path that begins here reads, up to the first attribute or item.
        closeness: Among roots of one rank: 0 for a module of the application, 1 for a library's, 2 for the stdlib's.
            A coroutine comes after the task that runs it.
    """

    text: str
    kind: RootKind
    prefix: str
    closeness: int = 0

    @property
    def rank(self) -> int:
        """The lower, the better."""
        return RANKS[self.kind]


class Namespaces:
    """The modules there are, by the identity of their namespaces."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        for name, module in list(sys.modules.items()):
            if type(name) is str and access.is_a(module, ModuleType):
                key, said = id(access.module_dict(module)), access.module_dict(module).get("__name__")
                if key not in self.names or said == name:
                    self.names[key] = name

    def modules(self) -> list[tuple[dict[str, Any], str]]:
        """Return the namespaces with the names of their modules."""
        spaces = [access.module_dict(each) for each in list(sys.modules.values()) if access.is_a(each, ModuleType)]
        return [(space, self.names[id(space)]) for space in spaces if id(space) in self.names]

    def root(self, namespace: object, held: object) -> Root | None:
        """Return the root that a module's namespace is for what it holds; None where it holds it by accident."""
        name = self.names[id(namespace)]
        if name in _ACCIDENTAL or held is sys.modules:
            return None
        registries = (access.module_dict(sys.modules[name]).get(each) for each in _REGISTRIES.get(name, ()))
        if any(map(is_, registries, repeat(held))):
            return None
        return Root(f"module {name}", "module", name, closeness(name))


def closeness(module: str) -> int:
    """Tell the application's modules (0) from a library's (1) and the standard library's (2)."""
    module = module.partition(".")[0] if module not in sys.modules else module
    found = sys.modules.get(module)
    file = access.module_dict(found).get("__file__") if found is not None and access.is_a(found, ModuleType) else None
    if type(file) is not str:
        return 2 if module.split(".")[0] in sys.stdlib_module_names - {"__main__"} else 0
    return {"application": 0, "library": 1}.get(_origin(file), 2)


def resolve(module: object, qualified: object) -> Any:
    """Return what a module has under a qualified name, MISSING where that leads nowhere; no host code runs."""
    found = sys.modules.get(module) if type(module) is str else None
    if found is None or type(qualified) is not str or not access.is_a(found, ModuleType):
        return access.MISSING
    each: Any = found
    for name in qualified.split("."):
        space = access.module_dict(each) if each is found else access.class_dict(each)
        each = space.get(name, access.MISSING)
        if access.exactly(each, staticmethod, classmethod):
            each = each.__func__
        if each is access.MISSING:
            return access.MISSING
        if not access.is_a(each, type):
            break
    return each


def is_named(each: Any) -> bool:
    """Tell whether a class or function can be found by its own name."""
    if access.is_a(each, type):
        return resolve(module_of(each), type_name(each).removeprefix(module_of(each) + ".")) is each
    return resolve(each.__module__, each.__qualname__) is each


def function_name(function: FunctionType) -> str:
    """Return the full name of a function as a person writes it."""
    module = function.__module__
    return f"{module}.{function.__qualname__}" if type(module) is str else function.__qualname__


def code_name(holder: Any) -> str:
    """Return the full name of the function that a frame, coroutine or generator runs."""
    code = variables.code_of(holder)
    if type(holder) is FrameType:
        module = holder.f_globals.get("__name__")
    else:
        functions = (each for each in gc.get_referents(holder) if type(each) is FunctionType and each.__code__ is code)
        module = next((function.__module__ for function in functions), None)
    return f"{module}.{code.co_qualname}" if type(module) is str else code.co_qualname


def of(holder: Any, held: object) -> tuple[Root | None, bool]:
    """Return the root that an object is, if any, and whether a better one may be above it."""
    if access.is_a(holder, type):
        name = type_name(holder)
        root = Root(f"class {name}", "class", name, closeness(module_of(holder)))
        return (root, False) if type(held) is dict and is_named(holder) else (None, True)
    if type(holder) is FunctionType:
        name = function_name(holder)
        if held is holder.__globals__:
            return None, False
        if not is_named(holder):
            return None, True
        if type(held) is tuple and held is holder.__closure__:
            return Root(f"closure of {name}", "closure", name), False
        kind: RootKind = "class" if "." in holder.__qualname__ else "module"
        owner = name.rpartition(".")[0]
        return Root(f"{kind} {owner}", kind, name, closeness(holder.__module__)), False
    if access.is_a(holder, ModuleType):
        name = str(access.module_dict(holder).get("__name__"))
        if held is access.module_dict(holder):
            return Root(f"module {name}", "module", name, closeness(name)), False
        if name in _REGISTRIES:
            return None, False
        return Root(f"C code of module {name}", "interpreter", name), False
    if access.is_a(holder, threading.Thread):
        name = thread_name(holder)
        return Root(f"thread {name}", "thread", f"<thread {name}>"), True
    if access.is_a(holder, _local):
        return Root("thread-local", "unknown", "<thread-local>"), True
    if type(holder) is Context:
        return Root("context variable", "context-variable", ""), False
    if access.is_a(holder, *task_types()):
        name = task_name(holder)
        return Root(f"asyncio task {name}", "coroutine", f"<task {name}>"), True
    if access.exactly(holder, *_SUSPENDED):
        name = code_name(holder)
        word = type_name(type(holder)).replace("_", " ")
        return Root(f"{word} {name}", "coroutine", f"<{word} {name}>", _LAST), True
    if type_name(type(holder)) in {"asyncio.events.Handle", "asyncio.events.TimerHandle"}:
        return Root("asyncio event loop", "coroutine", "<event loop>"), False
    if access.is_a(holder, BaseException) and access.is_a(held, TracebackType):
        name = type_name(type(holder))
        return Root(f"exception {name}", "exception", f"<{name}>"), True
    if type(holder) is FrameType:
        name = code_name(holder)
        return Root(f"frame of {name}", "frame", f"<frame {name}>"), True
    return None, True


def task_types() -> tuple[Any, ...]:
    """Return the classes of asyncio's tasks; none where nobody has loaded it."""
    tasks = sys.modules.get("asyncio.tasks")
    return tuple(vars(tasks)[name] for name in ("Task", "_PyTask") if name in vars(tasks)) if tasks is not None else ()


def thread_name(thread: Any) -> str:
    """Return what a thread runs: its target, or its class; its own name may say more than it should."""
    mapping = access.own_dict(thread) or {}
    target = mapping.get("_target")
    target = target.__func__ if type(target) is MethodType else target
    if type(target) is FunctionType:
        return function_name(target)
    return type_name(type(thread))


def task_name(task: Any) -> str:
    """Return the name of the coroutine function a task runs."""
    kind = task_types()[0]
    coroutine = kind.get_coro(task) if type(task) is kind else None
    return code_name(coroutine) if access.exactly(coroutine, *_SUSPENDED) else "?"


def is_hamt(each: object) -> bool:
    """Tell whether an object is a part of a `contextvars.Context`."""
    return type_name(type(each)) in _HAMT


def variable_of(context: Context, held: object) -> ContextVar[Any] | None:
    """Return the variable whose value in a context this object is."""
    return next((variable for variable, value in list(Context.items(context)) if value is held), None)


def variable_name(variable: ContextVar[Any]) -> str:
    """Return the name of a context variable with the module that has it."""
    for name, module in list(sys.modules.items()):
        if type(name) is str and access.is_a(module, ModuleType):
            key = access.key_of(access.module_dict(module), variable)
            if type(key) is str:
                return f"{name}.{key}"
    return variable.name
