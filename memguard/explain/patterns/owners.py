"""Owners that keep what is handed to them: logging, signals, caches, exit hooks, sessions, queues, contexts."""

from memguard.explain.patterns.entry import Entry
from memguard.explain.patterns.evidence import allocated_in, keeps, owned_by, path_starts, survives, words
from memguard.readings import Clues

_CACHE_PATHS = ("django.core.cache", "cachetools", "cachelib", "flask_caching", "linecache.cache", "functools")
_CACHE_FILES = ("/cachetools/__init__.py", "/cachelib/simple.py", "/async_lru/__init__.py")
_SIGNAL_FILES = ("/blinker/base.py", "/django/dispatch/dispatcher.py", "/celery/utils/dispatch/signal.py")
_SESSION_FILES = ("/sqlalchemy/orm/session.py", "/sqlalchemy/orm/identity.py", "/sqlalchemy/orm/loading.py")
_QUEUE_PATHS = ("celery.worker.state", "celery.backends", "kombu.asynchronous", "celery.result")
_QUEUE_WORDS = frozenset({"retry", "retries", "requeue", "backlog", "queue"})
_QUEUE_WORDS_OF_TASKS = _QUEUE_WORDS | {
    "queues",
    "pending",
    "outbox",
    "jobs",
    "todo",
    "failed",
    "deadletter",
    "letters",
}


def _is_logging(clues: Clues) -> bool:
    return (
        keeps("handler", clues)
        or owned_by("logging", clues)
        or path_starts(clues, "logging._handlers", "logging._handlerList", "logging.Logger", "logging.root")
    )


def _is_signal(clues: Clues) -> bool:
    is_elsewhere = clues.holder is not None and not path_starts(clues, "weakref.finalize")
    return (
        owned_by("signal", clues)
        or path_starts(clues, "django.db.models.signals", "django.core.signals", "celery.signals", "flask.signals")
        or (not is_elsewhere and allocated_in(clues, *_SIGNAL_FILES))
    )


def _is_cache(clues: Clues) -> bool:
    return (
        owned_by("cache", clues)
        or path_starts(clues, *_CACHE_PATHS)
        or (clues.holder is None and (keeps("cache", clues) or allocated_in(clues, *_CACHE_FILES)))
    )


def _is_exit_hook(clues: Clues) -> bool:
    if clues.holder is None:
        return keeps("finalizer", clues)
    named = (clues.holder.root, clues.holder.path, *(link.via for link in clues.holder.chain))
    return any("atexit" in text or "weakref.finalize" in text for text in named) or owned_by("finalizer", clues)


def _is_session(clues: Clues) -> bool:
    is_loaded = clues.holder is None and allocated_in(clues, *_SESSION_FILES) and survives("session", clues)
    return keeps("session", clues) or owned_by("session", clues) or is_loaded


def _is_queue(clues: Clues) -> bool:
    if clues.holder is None:
        return False
    is_task = clues.operation.kind == "task"
    named = words(clues) & (_QUEUE_WORDS_OF_TASKS if is_task else _QUEUE_WORDS)
    is_named = bool(named) and not keeps("exception", clues)
    return is_named or owned_by("queue", clues) or path_starts(clues, *_QUEUE_PATHS)


def _is_thread_local(clues: Clues) -> bool:
    holder = clues.holder
    is_root = holder is not None and (holder.root_kind == "thread-local" or holder.root.startswith("thread-local"))
    return is_root or owned_by("local", clues)


def _is_context(clues: Clues) -> bool:
    is_root = clues.holder is not None and (clues.holder.root_kind == "context-variable" or keeps("context", clues))
    return is_root or owned_by("context", clues)


ENTRIES = (
    Entry(
        "logging-handler",
        "Log handlers that are added per unit",
        "Loggers live as long as the process and keep every handler, filter and logger made by name. Set logging up "
        "once, when the process starts; what must be added for one unit is removed with it: "
        "`try: ... finally: logger.removeHandler(handler); handler.close()`. For values of the unit use "
        '`logging.LoggerAdapter(logger, {"request_id": ...})`, not a logger of its own.',
        _is_logging,
    ),
    Entry(
        "signal-receiver",
        "Signal receivers that are connected per unit",
        "A signal keeps each receiver that is connected strongly, and with it all that the receiver can reach. Connect"
        ' once at import, with `@receiver(post_save, dispatch_uid="shop.bill")` in Django; what belongs to one unit is'
        " connected for its time only: `with signal.connected_to(notify): ...` in blinker, `signal.disconnect(notify)`"
        " in a `finally` elsewhere.",
        _is_signal,
    ),
    Entry(
        "unbounded-cache",
        "A cache without a cap",
        "Each unit brings a key that the cache has not seen, and nothing is ever thrown out. Give it a cap, "
        "`@lru_cache(maxsize=1024)` or `TTLCache(maxsize=1024, ttl=300)`, and key it by values that come again. On a "
        "method it keeps every `self`: use `@cached_property`, or move the cached part to a function of plain values.",
        _is_cache,
    ),
    Entry(
        "exit-hook",
        "Exit hooks and finalizers that are registered per unit",
        "`atexit` keeps what is registered until the process ends, and `weakref.finalize` does so where the callback "
        "or its arguments reach the object itself. Register one hook for the process that knows what is open, undo it "
        "with `atexit.unregister(hook)`, and give a finalizer plain values only: `weakref.finalize(self, os.unlink, "
        "self.path)`, not `self.close`.",
        _is_exit_hook,
    ),
    Entry(
        "orm-session",
        "An ORM session or query result that outlives its unit",
        "The session, or a query set that was evaluated, keeps the objects it loaded. Give each unit a session of its "
        "own, `with Session(engine) as session: ...`, or end the shared one in a teardown with `scoped.remove()`; keep"
        " `Order.objects.all` and call it anew where the rows are needed, not its result.",
        _is_session,
    ),
    Entry(
        "task-retry-queue",
        "A queue that is filled faster than it is emptied",
        "Work is put aside for later, in the memory of this process, and nobody takes it out as often. Give the queue "
        "an end, `queue.Queue(maxsize=1000)` or `deque(maxlen=1000)`, and let the broker hold what must be tried "
        "again: `raise self.retry(countdown=30, max_retries=5)`. Forget results that are not read, `result.forget()`.",
        _is_queue,
    ),
    Entry(
        "thread-local",
        "A thread-local that is not cleared",
        "Servers keep their threads, so what a unit puts into a thread-local is still there in the next one. Clear it "
        "when the unit ends, `try: ... finally: _local.__dict__.clear()`, or set it anew at the begin in place of "
        "adding to it: `_local.rows = []`.",
        _is_thread_local,
    ),
    Entry(
        "context-var",
        "A context variable that is not reset",
        "A context that lives longer than the unit keeps the variable's value, and a mutable `default=` is one object "
        "for all. Reset it when the unit ends, `token = var.set([])` and `var.reset(token)` in a `finally`, or run the"
        " unit in a context of its own: `contextvars.copy_context().run(work)`.",
        _is_context,
    ),
)
