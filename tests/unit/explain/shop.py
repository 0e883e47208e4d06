"""A module of an application, made anew for each test, that holds things in every way there is."""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAME = "planted_shop"
SOURCE = """
import collections, contextvars, functools, queue as queues, sys, threading, weakref

class Context:
    def method(self):
        return self

class Hostile:
    '''Whatever Python may ask of an object, this one refuses, but what it needs to be made.'''
    def _refuse(self, *args, **kwargs):
        raise AssertionError("code of the host ran")
    for _name in ('len', 'eq', 'hash', 'repr', 'str', 'getattr', 'getattribute', 'bool', 'iter', 'contains', 'getitem',
                  'call', 'dir', 'reduce_ex', 'sizeof', 'instancecheck', 'subclasscheck', 'index', 'setattr', 'next'):
        locals()[f'__{_name}__'] = _refuse
    del _name
    __class__ = property(_refuse)

class HostileDict(dict):
    for _name in ('len', 'eq', 'iter', 'contains', 'getitem', 'getattribute', 'bool', 'repr', 'sizeof'):
        locals()[f'__{_name}__'] = Hostile._refuse
    keys = values = items = get = Hostile._refuse

class Meta(type):
    __hash__ = __eq__ = __repr__ = __getattribute__ = __instancecheck__ = __subclasscheck__ = Hostile._refuse

Pair = collections.namedtuple('Pair', 'first second')

class Slots:
    __slots__ = ('inner',)
    def __init__(self, inner):
        self.inner = inner

class Rows(list):
    pass

class Mapping(dict):
    @classmethod
    def of(cls, extra):
        made = cls()
        made.extra = [extra]
        return made

class Registry:
    cache = {}
    def __init__(self):
        self.rows = []
        self.by_name = {}

class Slotted:
    __slots__ = ('rows', '__weakref__')

class Service:
    @functools.lru_cache(maxsize=128)
    def load(self, key):
        return Context()

class Node:
    def __init__(self, following):
        self.next = following

requests = {}
rows = []
unique = set()
recent = collections.deque()
capped = collections.deque(maxlen=50)
pairs = {}
local = threading.local()
current = contextvars.ContextVar('current')
errors = []
callbacks = []
registry = Registry()
queue = queues.Queue()
simple_queue = queues.SimpleQueue()
slotted = Slotted()
service = Service()

def make():
    handlers = []
    def connect(handler):
        handlers.append(handler)
    connect.__qualname__ = 'connect'
    return connect
connect = make()

def subscribe(context):
    def on_event():
        return context
    callbacks.append(on_event)

def collect(row, seen=[]):
    seen.append(row)

def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@decorate
def decorated(row, seen=[]):
    seen.append(row)

@functools.lru_cache(maxsize=None)
def load(key):
    return Context()

def fail():
    context = Context()
    raise ValueError

def serve(ready, done):
    seen = [Context()]
    ready.append(seen[0])
    del ready
    done.wait()

def watch():
    return sys._getframe(1).f_locals

def serve_watched(ready, done):
    seen = [Context()]
    ready.append(seen[0])
    ready.append(watch())
    del ready
    done.wait()

def generate(context):
    yield 1
    return context

def generate_after_deleting(first, second, third):
    del first
    yield second
    return third

async def poll(argument, done):
    seen = [argument]
    del argument
    await done.wait()
"""


@contextmanager
def planted() -> Iterator[Any]:
    """Yield the module, importable while the test runs."""
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module
    exec(compile(SOURCE, "/srv/shop/planted_shop.py", "exec"), module.__dict__)
    try:
        yield module
    finally:
        del sys.modules[NAME]
        module.__dict__.clear()
