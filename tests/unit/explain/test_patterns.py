"""Clues as the holder search and the ledger give them, with the pattern a person would name."""

import re
import sysconfig
from pathlib import Path

import pytest

from memguard.evidence import Holder, Link, RootKind, TypeCount
from memguard.explain import patterns
from memguard.model import Operation
from memguard.readings import Clues

ROOT = Path(__file__).parents[3]
IDS = [
    "unbounded-container", "unbounded-cache", "closure-callback", "signal-receiver", "thread-local", "context-var",
    "exception-traceback", "dynamic-class", "uncollected-cycle", "orm-session", "task-retry-queue", "logging-handler",
    "thread-leak", "executor-leak", "async-task", "file-descriptor", "exit-hook", "native-memory", "unknown",
]  # fmt: skip
"""Every id of the report (design §10)."""
SITE = ("/srv/shop/views.py", 85)
LIB = "/venv/lib/python3.12/site-packages"
STDLIB = sysconfig.get_path("stdlib")


def clues(
    *types: str | tuple[str, int],
    holder: Holder | None = None,
    frames: tuple[tuple[str, int], ...] = (),
    kind: str = "request",
    **rates: float,
) -> Clues:
    """Return clues; a type alone counts 100."""
    counts = (each if isinstance(each, tuple) else (each, 100) for each in types)
    return Clues(
        Operation(kind, "GET /"),
        types=tuple(TypeCount(name, count) for name, count in counts),
        holder=holder,
        frames=(frames,) if frames else (),
        **rates,
    )


def held(path: str, *chain: str, root: str = "module shop.views", kind: RootKind = "module") -> Holder:
    """Return a holder; each link is written `type`, `type < via`, and with `+` in front where it grows."""
    links = []
    for each in chain:
        name, _, via = each.lstrip("+").partition(" < ")
        grows = each.startswith("+")
        links.append(Link(name, via or "item", size=500 if grows else None, grows=grows))
    return Holder(path, root, kind, tuple(links), size=500, growth_per_unit=1.0)


CASES: list[tuple[str, str, Clues]] = [
    ("unbounded-container", "dicts in a module's list", clues(
        "dict", "list",
        holder=held("shop.views._request_caches[…]", "+list < attribute _request_caches of module shop.views", "dict"))),
    ("unbounded-container", "a dict by request id, of the host's objects", clues(
        "shop.views.Context",
        holder=held("shop.views._by_id[…]", "+dict < attribute _by_id of module shop.views", "shop.views.Context"))),
    ("unbounded-container", "few keys, lists that grow", clues(
        "shop.views.Context",
        holder=held("shop.views._events[…][…]", "collections.defaultdict", "+list", "shop.views.Context"))),
    ("unbounded-container", "a class's list", clues(
        "shop.views.Entry",
        holder=held("shop.views.Audit.entries[…]", "+list < attribute entries of class shop.views.Audit",
                    "shop.views.Entry", root="class shop.views.Audit", kind="class"))),
    ("unbounded-container", "a mutable default", clues(
        "shop.views.Context",
        holder=held("shop.views.collect.__defaults__[0][…]", "function", "tuple", "+list", "shop.views.Context"))),
    ("unbounded-container", "a list that a closure knows", clues(
        "shop.views.Context",
        holder=held("shop.views.record.<history>[…]", "function", "tuple", "cell",
                    "+list < closure variable history of shop.views.record", "shop.views.Context",
                    root="closure of shop.views.record", kind="closure"))),
    ("unbounded-container", "bytes in a list: the holder is all there is", clues(
        holder=held("shop.views._bodies", "+list < attribute _bodies of module shop.views"))),
    ("unbounded-container", "a subclass of dict of the host's", clues(
        "shop.views.Context", holder=held("shop.views.registry[…]", "+shop.views.Registry", "shop.views.Context"))),
    ("unbounded-container", "no container is marked, one is in the chain", clues(
        "shop.views.Client",
        holder=held("shop.views.service.clients[…]", "shop.views.Service", "dict < attribute clients",
                    "shop.views.Client"))),

    ("unbounded-cache", "lru_cache(maxsize=None) on a method", clues(
        "shop.models.Price", "tuple",
        holder=held("shop.views.load.cache", "functools._lru_cache_wrapper", "+dict", "shop.models.Price"))),
    ("unbounded-cache", "the wrapper itself is what grows", clues(
        "shop.models.Price", holder=held("shop.views.load.cache", "+functools._lru_cache_wrapper", "shop.models.Price"))),
    ("unbounded-cache", "cachetools", clues(
        "shop.models.Price",
        holder=held("shop.views._prices._Cache__data[…]", "cachetools.Cache", "+dict < attribute _Cache__data",
                    "shop.models.Price"))),
    ("unbounded-cache", "Django's memory of locmem", clues(
        holder=held("django.core.cache.backends.locmem._caches[…]", "dict", "+collections.OrderedDict", "bytes",
                    root="module django.core.cache.backends.locmem"))),
    ("unbounded-cache", "a cache keyed by bound methods", clues(
        "method", "shop.views.Report",
        holder=held("shop.views.run.cache", "+functools._lru_cache_wrapper", "method", "shop.views.Report"))),

    ("closure-callback", "lambdas on a bus", clues(
        "function", "cell", "shop.views.Order",
        holder=held("shop.views.bus._callbacks[…][…]", "shop.views.Bus", "dict < attribute _callbacks", "+list",
                    "function", "tuple", "cell", "shop.views.Order"))),
    ("closure-callback", "the function itself is the last link", clues(
        "function", "cell", "shop.views.Order",
        holder=held("shop.views._listeners[…]", "+list < attribute _listeners of module shop.views", "function"))),
    ("closure-callback", "bound methods", clues(
        "method", "shop.views.Widget",
        holder=held("shop.hooks.HOOKS[…]", "+set", "method", "shop.views.Widget"))),
    ("closure-callback", "partials, with their arguments in a tuple", clues(
        "functools.partial", "tuple",
        holder=held("app.before_request_funcs[…][…]", "flask.app.Flask", "dict", "+list", "tuple",
                    "functools.partial", "shop.views.Order"))),
    ("closure-callback", "no holder, as many functions as anything", clues(
        "cell", ("function", 90), ("shop.views.Order", 90))),
    ("closure-callback", "a bound method between the list and its object is told by words", clues(
        "shop.views.Widget", ("method", 100), ("dict", 900),
        holder=held("shop.views.bus.listeners[…]", "shop.views.Bus", "+list < attribute listeners",
                    "shop.views.Widget < item, bound method"))),
    ("closure-callback", "its name and as many methods as objects", clues(
        "shop.views.Widget", "method",
        holder=held("shop.views._on_paid_callbacks[…]", "+list", "shop.views.Widget < item"))),

    ("signal-receiver", "blinker, strongly", clues(
        "function", "shop.views.Order",
        holder=held("shop.views.order_placed.receivers[…]", "blinker.base.Signal", "+dict < attribute receivers",
                    "function", "tuple", "cell", "shop.views.Order"))),
    ("signal-receiver", "Django", clues(
        "function", "tuple",
        holder=held("django.db.models.signals.post_save.receivers[…]", "django.db.models.signals.ModelSignal", "+list",
                    "tuple", "tuple", "function", root="module django.db.models.signals"))),
    ("signal-receiver", "Celery", clues(
        "method", "celery.utils.dispatch.signal.Signal",
        holder=held("celery.signals.task_success.receivers[…]", "celery.utils.dispatch.signal.Signal", "+list", "tuple",
                    "method", root="module celery.signals"))),
    ("signal-receiver", "no holder, but the calls into Django's dispatcher", clues(
        "tuple", "weakref.finalize._Info",
        frames=((f"{LIB}/django/dispatch/dispatcher.py", 112), SITE))),

    ("thread-local", "a list in a thread-local", clues(
        "shop.views.Order",
        holder=held("shop.db._local.rows[…]", "_thread._local", "dict", "+list < attribute rows", "shop.views.Order",
                    root="thread-local of shop.db", kind="thread-local"))),
    ("thread-local", "an object in it owns the list", clues(
        "shop.db.Row",
        holder=held("shop.db._local.context.rows[…]", "shop.db.Context", "+list < attribute rows", "shop.db.Row",
                    root="thread-local of shop.db", kind="thread-local"))),
    ("thread-local", "the root is unknown, the thread-local is in the chain", clues(
        "shop.db.Row",
        holder=held("?.rows[…]", "_thread._local", "dict", "+list", "shop.db.Row", root="unknown", kind="unknown"))),

    ("context-var", "a mutable default", clues(
        "shop.views.Span",
        holder=held("shop.tracing.spans", "_contextvars.ContextVar", "+list", "shop.views.Span"))),
    ("context-var", "a value in a context that lives on", clues(
        "shop.views.Span", "hamt",
        holder=held("shop.tracing.spans[…]", "+list", "shop.views.Span",
                    root="context variable spans", kind="context-variable"))),
    ("context-var", "through the context's own mapping", clues(
        "dict", "hamt_bitmap_node",
        holder=held("?[…]", "_contextvars.Context", "hamt", "hamt_bitmap_node", "+dict", "shop.views.Span",
                    root="unknown", kind="unknown"))),

    ("exception-traceback", "exceptions in a list", clues(
        "traceback", "frame", "ValueError", ("shop.views.Row", 4000),
        holder=held("shop.views._errors[…]", "+list", "ValueError", "traceback", "frame", "list", "shop.views.Row"))),
    ("exception-traceback", "what sys.exc_info() returned", clues(
        "traceback", "frame",
        holder=held("shop.views._failures[…]", "+collections.deque", "tuple", "traceback", "frame"))),
    ("exception-traceback", "tracebacks and frames are left out of the chain, their variable is named", clues(
        "traceback", "frame", "shop.views.Row",
        holder=held("shop.views._failures[…]", "+list < attribute _failures of module shop.views",
                    "shop.views.Row < item, local variable row of shop.views.show"))),
    ("exception-traceback", "an exception of the host's by its name", clues(
        "shop.errors.PaymentError",
        holder=held("shop.views._errors[…]", "+list", "dict", "shop.errors.PaymentError"))),
    ("exception-traceback", "no holder, tracebacks", clues("dict", ("traceback", 60), ("frame", 60), ("KeyError", 20))),
    ("exception-traceback", "each exception is raised from the last one: no container", clues(
        "shop.errors.SendError", "traceback", "frame", "shop.tasks.Message",
        holder=held("shop.tasks._last_error(….__cause__)*.<local message>", "shop.errors.SendError",
                    "shop.errors.SendError < attribute __cause__, 12 times",
                    "shop.tasks.Message < traceback, local variable message of shop.tasks.send"))),
    ("exception-traceback", "failed things of a task are exceptions, not work to do", clues(
        "ValueError", "traceback", kind="task", holder=held("shop.tasks._failed[…]", "+list", "ValueError"))),
    ("exception-traceback", "the root is an exception", clues(
        "shop.views.Row",
        holder=held("<exception>.rows", "list", "shop.views.Row", root="exception", kind="exception"))),

    ("dynamic-class", "classes in a dict", clues(
        "type", ("function", 300), ("getset_descriptor", 200),
        holder=held("shop.views._models[…]", "+dict", "type"))),
    ("dynamic-class", "the survivor in the chain is a function of the class", clues(
        "function", "type",
        holder=held("shop.views._forms[…]", "+list", "type", "mappingproxy", "function"))),
    ("dynamic-class", "forms of Django, by their metaclass", clues(
        "django.forms.models.ModelFormMetaclass", "django.utils.datastructures.MultiValueDict",
        holder=held("shop.views._forms[…]", "+dict", "django.forms.models.ModelFormMetaclass", "dict"))),
    ("dynamic-class", "pydantic's metaclass, no holder", clues(
        "pydantic._internal._model_construction.ModelMetaclass", ("dict", 900), ("function", 500))),

    ("uncollected-cycle", "cycles with the collector off", clues(
        "shop.views.Node", "dict", garbage=12.0)),
    ("uncollected-cycle", "exception and frame refer to each other, the collector is off", clues(
        "traceback", "frame", "ValueError", garbage=4.0)),

    ("orm-session", "sessions in a list", clues(
        "sqlalchemy.orm.session.Session", "shop.models.Order",
        holder=held("shop.db._open[…]", "+list", "sqlalchemy.orm.session.Session", "dict"))),
    ("orm-session", "the identity map of a session for the process", clues(
        "shop.models.Order", "sqlalchemy.orm.state.InstanceState",
        holder=held("shop.db.session.identity_map._dict[…]", "sqlalchemy.orm.session.Session",
                    "sqlalchemy.orm.identity.WeakInstanceDict", "+dict", "sqlalchemy.orm.state.InstanceState"))),
    ("orm-session", "a scoped session that is not removed: its registry is a thread-local", clues(
        "shop.models.Order",
        holder=held("shop.db.Session.registry.registry.value._new[…]", "sqlalchemy.orm.session.Session", "+dict",
                    "sqlalchemy.orm.state.InstanceState", root="thread-local of sqlalchemy", kind="thread-local"))),
    ("orm-session", "query sets of Django", clues(
        "django.db.models.query.QuerySet", "shop.models.Order", "django.db.models.base.ModelState",
        holder=held("shop.views._results[…]", "+list", "django.db.models.query.QuerySet", "list", "shop.models.Order"))),
    ("orm-session", "no holder, allocated where sessions load", clues(
        "sqlalchemy.orm.state.InstanceState", "shop.models.Order",
        frames=((f"{LIB}/sqlalchemy/orm/loading.py", 1120), (f"{LIB}/sqlalchemy/orm/query.py", 90), SITE))),

    ("task-retry-queue", "a deque of what is to be tried again", clues(
        "dict", kind="task", holder=held("shop.tasks._retry_later[…]", "+collections.deque", "dict",
                                         root="module shop.tasks"))),
    ("task-retry-queue", "a list of pending jobs in a task", clues(
        "shop.tasks.Job", kind="task", holder=held("shop.tasks._pending[…]", "+list", "shop.tasks.Job"))),
    ("task-retry-queue", "a queue that a view fills", clues(
        "shop.views.Mail", holder=held("shop.views.outbox.queue[…]", "queue.Queue", "+collections.deque",
                                       "shop.views.Mail"))),
    ("task-retry-queue", "one executor, whose backlog grows", clues(
        "concurrent.futures.thread._WorkItem", "concurrent.futures._base.Future",
        holder=held("shop.views.pool._work_queue", "concurrent.futures.thread.ThreadPoolExecutor",
                    "+_queue.SimpleQueue", "concurrent.futures.thread._WorkItem"))),
    ("task-retry-queue", "results that Celery waits for", clues(
        "celery.result.AsyncResult", kind="task",
        holder=held("celery.backends.redis.RedisBackend._pending_results[…]", "celery.backends.redis.RedisBackend",
                    "+dict", "celery.result.AsyncResult"))),

    ("logging-handler", "handlers on a logger", clues(
        "logging.StreamHandler", "logging.Formatter",
        holder=held("shop.views._log.handlers[…]", "logging.Logger", "+list < attribute handlers",
                    "logging.StreamHandler"))),
    ("logging-handler", "files stay open by handlers: the handler is to blame", clues(
        "logging.FileHandler", "_io.TextIOWrapper", descriptors=1.0,
        holder=held("shop.views._log.handlers[…]", "logging.Logger", "+list < attribute handlers",
                    "logging.FileHandler", "_io.TextIOWrapper"))),
    ("logging-handler", "a logger for each request", clues(
        "logging.Logger", "dict",
        holder=held("logging.Logger.manager.loggerDict[…]", "logging.Manager", "+dict < attribute loggerDict",
                    "logging.Logger", root="class logging.Logger", kind="class"))),
    ("logging-handler", "a handler of the host's", clues(
        "shop.audit.Trail",
        holder=held("logging.root.handlers[…]", "logging.RootLogger", "+list", "shop.audit.Trail",
                    root="module logging"))),
    ("logging-handler", "no holder", clues("logging.StreamHandler", "logging.Formatter", "logging.PercentStyle")),

    ("thread-leak", "a thread that waits for ever", clues(
        "threading.Thread", "threading.Event", threads=1.0,
        holder=held("threading._active[…]", "+dict", "threading.Thread", root="module threading"))),
    ("thread-leak", "what survives is a local of the thread", clues(
        "shop.views.Report", threads=0.05,
        holder=held("<thread>.report", "shop.views.Report < local variable report of shop.views.watch",
                    root="thread Thread-7", kind="frame"))),
    ("thread-leak", "a subclass of the host's in a list, one in twenty", clues(
        "shop.jobs.ReportThread", threads=0.05,
        holder=held("shop.jobs._started[…]", "+list", "shop.jobs.ReportThread"))),
    ("thread-leak", "timers that were not cancelled", clues("threading.Timer", "threading.Event", threads=0.4)),
    ("thread-leak", "threads are all that is known", clues(threads=0.02)),

    ("executor-leak", "executors in a list", clues(
        "concurrent.futures.thread.ThreadPoolExecutor", "threading.Thread", threads=1.0,
        holder=held("shop.views._pools[…]", "+list", "concurrent.futures.thread.ThreadPoolExecutor"))),
    ("executor-leak", "the chain goes through the module of the executors", clues(
        "threading.Thread", threads=1.0,
        holder=held("concurrent.futures.thread._threads_queues[…]", "weakref.WeakKeyDictionary", "+dict",
                    "threading.Thread", root="module concurrent.futures.thread"))),
    ("executor-leak", "no holder, threads with the executor among the survivors", clues(
        "threading.Thread", ("concurrent.futures.thread.ThreadPoolExecutor", 50), threads=2.0)),
    ("executor-leak", "no holder, threads that executors started", clues(
        "threading.Thread", threads=1.0, frames=((f"{STDLIB}/concurrent/futures/thread.py", 200), SITE))),
    ("executor-leak", "a pool of multiprocessing", clues(
        "multiprocessing.pool.ThreadPool", threads=6.0,
        holder=held("shop.views._pools[…]", "+list", "multiprocessing.pool.ThreadPool"))),

    ("async-task", "tasks that wait for ever", clues(
        "_asyncio.Task", "coroutine", "_asyncio.Future", tasks=1.0)),
    ("async-task", "finished tasks in a set", clues(
        "_asyncio.Task", "shop.views.Report",
        holder=held("shop.views._background[…]", "+set", "_asyncio.Task", "coroutine", "shop.views.Report"))),
    ("async-task", "coroutines that nobody awaited", clues(
        "coroutine", holder=held("shop.views._later[…]", "+list", "coroutine"))),
    ("async-task", "timers of the loop", clues(
        "asyncio.events.TimerHandle", "function",
        holder=held("?._scheduled[…]", "asyncio.unix_events._UnixSelectorEventLoop", "+list",
                    "asyncio.events.TimerHandle", "function", root="thread-local", kind="thread-local"))),
    ("file-descriptor", "event loops that nobody closes, with their sockets", clues(
        "asyncio.unix_events._UnixSelectorEventLoop", "socket.socket", descriptors=3.0,
        holder=held("shop.views._loops[…]", "+list", "asyncio.unix_events._UnixSelectorEventLoop"))),
    ("async-task", "the root is a task that is not counted any more", clues(
        "shop.views.Report",
        holder=held("<task shop.views.watch>.<local report>", "coroutine", "shop.views.Report",
                    root="asyncio task shop.views.watch", kind="coroutine"))),
    ("async-task", "a timer of the loop is the root", clues(
        "shop.views.Report",
        holder=held("<event loop>", "function", "shop.views.Report", root="asyncio event loop", kind="coroutine"))),
    ("async-task", "the root is the suspended coroutine", clues(
        "shop.views.Report", tasks=0.05,
        holder=held("shop.views.watch.report", "coroutine", "shop.views.Report", root="coroutine shop.views.watch",
                    kind="coroutine"))),

    ("file-descriptor", "sockets in a list", clues(
        "socket.socket", descriptors=1.0, holder=held("shop.views._open[…]", "+list", "socket.socket"))),
    ("file-descriptor", "os.open(): no object at all", clues(descriptors=0.05)),
    ("file-descriptor", "clients of the host's with a connection each", clues(
        "shop.api.Client", descriptors=1.0,
        holder=held("shop.api._clients[…]", "+dict", "shop.api.Client", "socket.socket"))),
    ("file-descriptor", "no holder", clues("_io.TextIOWrapper", "_io.BufferedReader", "_io.FileIO", descriptors=0.9)),

    ("exit-hook", "atexit", clues(
        "shop.views.Uploader", "method",
        holder=held("atexit", "method < exit hook", "shop.views.Uploader", root="exit hooks of atexit",
                    kind="interpreter"))),
    ("exit-hook", "a finalizer that holds its object", clues(
        "weakref.finalize._Info", "weakref.finalize", "shop.views.Uploader",
        holder=held("weakref.finalize._registry[…]", "+dict < attribute _registry of class weakref.finalize",
                    "weakref.finalize._Info", "method", "shop.views.Uploader", root="class weakref.finalize",
                    kind="class"))),
    ("exit-hook", "no holder", clues("weakref.finalize._Info", "weakref.finalize", "method")),

    ("native-memory", "bytes of C, no object", clues(native_bytes=65_536.0)),
    ("native-memory", "some objects by the way", clues(("dict", 3), native_bytes=4_096.0)),

    ("unknown", "nothing is known", clues()),
    ("unknown", "objects of the host's, no holder", clues("shop.views.Context", "dict", "list")),
    ("unknown", "each holds the one before it", clues(
        "shop.views.Version",
        holder=held("shop.views._latest.previous.previous", "shop.views.Version", "shop.views.Version"))),
    ("unknown", "the chain ends at once", clues(
        "shop.views.Version", holder=held("?", "shop.views.Version", root="unknown", kind="unknown"))),
]  # fmt: skip

CONFUSABLE: list[tuple[str, str, Clues]] = [
    ("unbounded-container", "an object that a cache made once, whose list grows", clues(
        "shop.views.Event",
        holder=held("shop.views.get_registry.cache.events[…]", "functools._lru_cache_wrapper", "dict",
                    "shop.views.Registry", "+list < attribute events", "shop.views.Event"))),
    ("unbounded-container", "rows of an ORM in a module's dict: the session is not to blame", clues(
        "shop.models.Order", "sqlalchemy.orm.state.InstanceState",
        holder=held("shop.views._orders[…]", "+dict", "shop.models.Order"))),
    ("unbounded-container", "a view's own closure list, reached through the routes", clues(
        "shop.views.Order",
        holder=held("app.view_functions[…].<seen>[…]", "flask.app.Flask", "dict", "function", "tuple", "cell", "+list",
                    "shop.views.Order"))),
    ("unbounded-container", "requests kept: tokens of their contexts are inside them", clues(
        "flask.wrappers.Request", "dict", "_contextvars.Token",
        holder=held("shop.views._slow[…]", "+list", "flask.wrappers.Request", "dict"))),
    ("unbounded-container", "tasks of requests in flight are among the survivors", clues(
        "shop.views.Context", ("_asyncio.Task", 40), ("coroutine", 40), ("_contextvars.Context", 40), tasks=0.01,
        holder=held("shop.views._seen[…]", "+dict", "shop.views.Context"))),
    ("unbounded-container", "connections come and go, a thread more or less", clues(
        "shop.views.Context", descriptors=0.02, threads=0.01,
        holder=held("shop.views._seen[…]", "+dict", "shop.views.Context"))),
    ("unbounded-container", "a background coroutine's list that requests fill", clues(
        "shop.views.Context",
        holder=held("shop.jobs.collect.seen[…]", "coroutine", "+list < local variable seen of shop.jobs.collect",
                    "shop.views.Context", root="coroutine shop.jobs.collect", kind="coroutine"))),
    ("unbounded-container", "a dict of queues, one for each listener", clues(
        "asyncio.queues.Queue", "collections.deque",
        holder=held("shop.views._queues[…]", "+dict", "asyncio.queues.Queue"))),
    ("unbounded-container", "metadata is not a metaclass, a thread of a forum not a thread", clues(
        "shop.models.PageMeta", "forum.models.MessageThread",
        holder=held("shop.views._pages[…]", "+dict", "shop.models.PageMeta"))),
    ("unbounded-container", "objects with a method each, in a list without a name that says more", clues(
        "shop.models.Shop", "method", holder=held("shop.views._shops[…]", "+list", "shop.models.Shop < item"))),
    ("unbounded-container", "instances reached through their class", clues(
        "shop.models.Shop",
        holder=held("shop.models.Shop.instances[…]", "type", "+list < attribute instances", "shop.models.Shop",
                    root="class shop.models.Shop", kind="class"))),
    ("unbounded-container", "the collector is off, and a list grows", clues(
        "shop.views.Context", garbage=9.0, holder=held("shop.views._seen[…]", "+list", "shop.views.Context"))),
    ("unbounded-container", "a list in a task, whose module is called retry", clues(
        "dict", kind="task", holder=held("shop.retry._seen[…]", "+list", "dict", root="module shop.retry"))),
    ("unbounded-container", "pending things of a request are a dict like another", clues(
        "dict", holder=held("shop.views._pending[…]", "+dict", "dict"))),
    ("unbounded-container", "texts in memory are no files", clues(
        "_io.StringIO", holder=held("shop.views._pages[…]", "+list", "_io.StringIO"))),
    ("unbounded-container", "native memory, with the objects that own it in a dict", clues(
        "numpy.ndarray", native_bytes=80_000.0, holder=held("shop.views._images[…]", "+dict", "numpy.ndarray"))),
    ("unbounded-container", "a receiver that a signal called fills a list", clues(
        "shop.views.Order",
        frames=(SITE, (f"{LIB}/django/dispatch/dispatcher.py", 189)),
        holder=held("shop.audit._seen[…]", "+list", "shop.views.Order"))),
    ("unknown", "a receiver that a signal called leaks: the signal is above the site", clues(
        "shop.views.Order", frames=(SITE, (f"{LIB}/django/dispatch/dispatcher.py", 189)))),
    ("logging-handler", "records with their exceptions in a handler's buffer", clues(
        "logging.LogRecord", "traceback",
        holder=held("logging.root.handlers[0].buffer[…]", "logging.RootLogger", "list",
                    "logging.handlers.MemoryHandler", "+list", "logging.LogRecord", "tuple", "traceback"))),
    ("unbounded-cache", "exceptions that a cache remembers", clues(
        "ValueError", "traceback",
        holder=held("shop.views.load.cache", "functools._lru_cache_wrapper", "+dict", "ValueError", "traceback"))),
    ("closure-callback", "a closure that holds an exception", clues(
        "function", "cell", "ValueError", "traceback",
        holder=held("shop.views._callbacks[…]", "+list", "function", "tuple", "cell", "ValueError", "traceback"))),
    ("signal-receiver", "Django's own finalizers of receivers", clues(
        "weakref.finalize._Info", "function",
        frames=((f"{STDLIB}/weakref.py", 560), (f"{LIB}/django/dispatch/dispatcher.py", 112), SITE),
        holder=held("weakref.finalize._registry[…]", "+dict", "weakref.finalize._Info", root="class weakref.finalize",
                    kind="class"))),
    ("thread-local", "exceptions in a thread-local list", clues(
        "ValueError", "traceback",
        holder=held("shop.db._local.errors[…]", "_thread._local", "dict", "+list", "ValueError",
                    root="thread-local of shop.db", kind="thread-local"))),
    ("async-task", "a task's context holds the value", clues(
        "_asyncio.Task", "_contextvars.Context", "hamt", tasks=1.0,
        holder=held("?", "_asyncio.Task", "_contextvars.Context", "hamt", "shop.views.Span", root="unknown",
                    kind="unknown"))),
    ("async-task", "a task in a set that failed", clues(
        "_asyncio.Task", "ValueError", "traceback",
        holder=held("shop.views._tasks[…]", "+set", "_asyncio.Task", "ValueError", "traceback", "frame"))),
    ("thread-leak", "each thread has an open socket", clues(
        "threading.Thread", "socket.socket", threads=1.0, descriptors=1.0)),
    ("uncollected-cycle", "sockets in cycles, the collector is off", clues(
        "shop.api.Client", "socket.socket", garbage=3.0, descriptors=1.0)),
]  # fmt: skip


def label(value: object) -> str | None:
    """Name a case by its texts only."""
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("expected", "what", "given"), CASES, ids=label)
def test_recognised(expected: str, what: str, given: Clues) -> None:
    """A leak that is known is recognised by what is seen of it, and what is not known stays unknown."""
    assert patterns.recognise(given).id == expected, what


@pytest.mark.parametrize(("expected", "what", "given"), CONFUSABLE, ids=label)
def test_told_apart(expected: str, what: str, given: Clues) -> None:
    """Where two patterns could match, it is the one that says what to fix; what is there by the way decides nothing."""
    assert patterns.recognise(given).id == expected, what


def test_every_pattern_is_tried() -> None:
    """Each id has two cases and more above."""
    tried = [expected for expected, _, _ in CASES]

    assert {each for each in IDS if tried.count(each) < 2} == set()


def test_every_id_has_an_entry() -> None:
    """The catalogue has the ids of the report, each once."""
    assert sorted(entry.id for entry in patterns.ENTRIES) == sorted(IDS)
    assert patterns.ENTRIES[-1].pattern == patterns.UNKNOWN


@pytest.mark.parametrize("entry", patterns.ENTRIES, ids=lambda entry: entry.id)
def test_advice(entry: patterns.Entry) -> None:
    """Advice is two or three sentences and has the fix in code."""
    prose = re.sub(r"`[^`]+`", "`x`", entry.advice)
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z`])", prose)

    assert 2 <= len(sentences) <= 3
    assert all(sentence.endswith(".") for sentence in sentences)
    assert "`x`" in prose
    assert prose.count("`") % 2 == 0
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")


@pytest.mark.parametrize("entry", patterns.ENTRIES, ids=lambda entry: entry.id)
def test_page(entry: patterns.Entry) -> None:
    """Every pattern has a page of its title, with an example that leaks and one that does not, reached from the index."""
    page = (ROOT / "docs" / entry.page).read_text()

    assert page.startswith(f"# {entry.title}\n")
    assert f"({entry.id}.md)" in (ROOT / "docs" / "patterns" / "index.md").read_text()
    assert entry.id == "unknown" or page.count("```py") >= 2


def test_odd_clues() -> None:
    """Clues that no search should give are read all the same: an empty chain, empty names, names without sense."""
    for holder in (
        held("", root="", kind="unknown"),
        held("[…]", "", "+", "", kind="interpreter"),
        held("((", "[.", "+*"),
    ):
        given = clues("", "(", "…", holder=holder, frames=(("", 0), ("<string>", 1)))

        assert patterns.recognise(given).id in {"unknown", "unbounded-container"}
