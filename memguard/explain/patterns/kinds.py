"""Kinds of types, told by their qualified names: subclasses of the host's follow the customs of naming."""

import re

_KINDS = {
    "plain": r"dict|list|set|frozenset|tuple|type|mappingproxy|dict_\w+|"
    r"collections\.(deque|OrderedDict|defaultdict|Counter|UserDict|UserList|ChainMap)|functools\._lru_list_elem|"
    r"weakref\.Weak(Key|Value)Dictionary|_weakrefset\.WeakSet|weakref\.WeakSet",
    "executor": r"(?:.*\.)?\w*PoolExecutor|multiprocessing\.pool\.\w*Pool|gevent\.threadpool\.\w+",
    "thread": r"threading\.(_?\w*Thread|Timer)",
    "threading": r"threading\.(_?\w*Thread|Timer)|(?:.*\.)?\w+Thread",
    "task": r"coroutine|async_generator|_?asyncio\.(tasks\.)?Task|asyncio\.events\.(Timer)?Handle|anyio\..*Task\w*",
    "loop": r"asyncio\..*EventLoop|uvloop\.(loop\.)?Loop",
    "handler": r"logging\.(handlers\.)?\w*Handler|(?:.*\.)?log(s|ging|ger|gers|utils?)?\.\w*Handler|logging\.\w*Logger",
    "logging": r"logging\.(\w*Logger|Manager|LoggerAdapter|Filterer)|logging\.(handlers\.)?\w*Handler",
    "signal": r"blinker\.(base|_\w+)\.\w*(Signal|Namespace)|django\.(dispatch|db\.models)\..*Signal|"
    r"celery\.utils\.dispatch\.\w+\.Signal|pydispatch\..*|asgiref\..*Signal",
    "cache": r"functools\._lru_cache_wrapper|functools\._HashedSeq|cachetools\..*|cachelib\..*|flask_caching\..*|"
    r"async_lru\..*|cachebox\..*|methodtools\..*|dogpile\.cache\..*|beaker\..*|diskcache\..*|lru\.LRU|aiocache\..*|"
    r"django\.core\.cache\..*|jinja2\.utils\.LRUCache|(?:.*\.)?(LRU|TTL|LFU)Cache",
    "finalizer": r"weakref\.finalize(\._Info)?|multiprocessing\.util\.Finalize",
    "session": r"sqlalchemy\.(orm|ext)\..*(Session\w*|InstanceDict|IdentityMap\w*|UOWTransaction|scoped_session|Query)|"
    r"sqlmodel\..*Session|sqlalchemy\.orm\.state\.InstanceState|peewee\.(ModelObjectCursorWrapper|ModelSelect)|"
    r"django\.db\.models\.query\.\w*QuerySet|(?:.*\.)?\w+QuerySet|django\.db\.models\.fields\.related_\w+\..*Manager",
    "queue": r"_?queue\.\w*Queue|asyncio\.queues\.\w*Queue|multiprocessing\.(queues|managers)\..*Queue\w*|"
    r"kombu\.asynchronous\.timer\..*|janus\..*|gevent\._?(gevent_c)?queue\..*|(?:.*\.)?\w+Queue",
    "local": r"_thread\._local|threading\.local|_threading_local\.local|gevent\.local\.local|"
    r"sqlalchemy\.util\..*ThreadLocalRegistry",
    "context": r"_?contextvars\.(Context|ContextVar|Token)|hamt\w*|(werkzeug|asgiref)\.local\.\w*Local\w*",
    "exception": r"traceback|frame|(?:.*\.)?\w*(Error|Exception|ExceptionGroup)|(?:.*\.)?(DoesNotExist|Http404)|"
    r".*\.exceptions\.\w+|KeyboardInterrupt|SystemExit|GeneratorExit|StopIteration",
    "class": r"type|(?:.*\.)?\w*Meta[Cc]lass|(abc|enum|typing|sqlalchemy\..*|marshmallow\..*)\.\w+Meta|enum\.EnumType|"
    r"django\..*(ModelBase|MediaDefiningClass)|_ctypes\.PyC\w+Type",
    "descriptor": r"(_?socket|ssl)\.\w*[Ss]ocket|_io\.(FileIO|TextIOWrapper|Buffered\w+)|select\.e?poll|mmap\.mmap|"
    r"selectors\.\w+Selector|subprocess\.Popen|tempfile\.\w*File\w*|http\.client\.HTTPS?Connection|sqlite3\.Connection|"
    r"multiprocessing\.connection\.\w+|asyncio\.streams\.Stream\w+|asyncio\.\w+_events\._\w*Transport|"
    r"requests\.sessions\.Session|urllib3\..*(Pool\w*|HTTPS?Connection)|(httpx2?|httpcore2?)\..*(Client|Pool\w*)|"
    r"aiohttp\..*(ClientSession|Connector)|psycopg2?\..*[Cc]onnection|pymysql\..*Connection|redis\..*Connection\w*",
    "callable": r"function|method|builtin_function_or_method|method-wrapper|functools\.partial(method)?|"
    r"weakref\.WeakMethod|cell",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}


def is_kind(kind: str, name: str) -> bool:
    """Tell whether a qualified type name is of a kind."""
    return _PATTERNS[kind].fullmatch(name) is not None
