"""Django under WSGI: caches, signals, rows and requests that stay."""

# ruff: noqa: D103 - views and helpers explain themselves

import functools
import io
import itertools
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.dispatch import Signal
from django.http import HttpRequest, JsonResponse
from django.utils.functional import cached_property

from tests.zoo.declare import innocent, leaks
from tests.zoo.django_app.models import ROWS, Product, answer

_numbers = itertools.count(1)


class Report:
    """The figures of one customer."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows = ["row"] * 40  # leaks: method_caches

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - this is the mistake
    def total(self) -> int:
        return len(self.rows)


@leaks(pattern="unbounded-cache", holder=("total", "lru_cache"), types="Report")
def method_caches(request: HttpRequest) -> JsonResponse:
    """A cache on a method keeps every instance (after https://github.com/getsentry/seer/pull/2512)."""
    return answer(total=Report(next(_numbers)).total())  # leaks


class Rates:
    """What one customer pays."""

    def __init__(self, customer: int) -> None:
        self.customer = customer
        self.steps = ["step"] * 40  # leaks: function_cache, receivers


@functools.cache
def rates_of(customer: int) -> Rates:
    return Rates(customer)  # leaks: function_cache


@leaks(pattern="unbounded-cache", holder=("rates_of", "cache"), types="Rates", ask="/function_cache?customer={n}")
def function_cache(request: HttpRequest) -> JsonResponse:
    """A cache without a limit, by a parameter that has as many values as there are customers."""
    return answer(steps=len(rates_of(int(request.GET["customer"])).steps))  # leaks


basket_changed = Signal()


@leaks(pattern="signal-receiver", holder=("basket_changed", "receivers"), types=("function", "Rates"))
def receivers(request: HttpRequest) -> JsonResponse:
    """Receivers made in a view and connected strongly (after https://github.com/e-valuation/EvaP/issues/1361)."""
    rates = Rates(next(_numbers))  # leaks

    def changed(**_: Any) -> int:  # leaks
        return rates.customer

    basket_changed.connect(changed, weak=False)  # leaks
    return answer(customer=rates.customer)


class Stock:
    """How much there is of an article."""

    def __init__(self, number: int) -> None:
        self.places = [f"shelf {number}", f"cellar {number}"]  # leaks: cached_properties


class Article:
    """One of a long list that lives as long as the process."""

    def __init__(self, number: int) -> None:
        self.number = number

    @cached_property
    def stock(self) -> Stock:
        return Stock(self.number)  # leaks: cached_properties


_articles = [Article(number) for number in range(3000)]


@leaks(pattern=("unbounded-cache", "unbounded-container"), holder="_articles", types="Stock")
def cached_properties(request: HttpRequest) -> JsonResponse:
    """Cached properties of objects in a module's list: each visitor fills one more of them."""
    article = _articles[next(_numbers) % len(_articles)]
    return answer(places=len(article.stock.places))  # leaks


_results: list[Any] = []


@leaks(pattern=("orm-session", "unbounded-container"), holder="_results", types=("Product", "ModelState", "QuerySet"))
def query_results(request: HttpRequest) -> JsonResponse:
    """Query sets keep the rows they have read, and a list keeps the query sets."""
    cheap = Product.objects.filter(price__lt=3)  # leaks
    _results.append(cheap)
    return answer(found=len(cheap))  # leaks


_statements: list[dict[str, Any]] = []


def log_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    _statements.append({"sql": str(sql), "parameters": params, "notes": []})  # leaks: statement_log
    return execute(sql, params, many, context)


@leaks(pattern="unbounded-container", holder="_statements", types=("dict", "list", "tuple"))
def statement_log(request: HttpRequest) -> JsonResponse:
    """Every statement in a list, as with DEBUG on (after https://github.com/scrapy/scrapy/issues/1685)."""
    with connection.execute_wrapper(log_statement):
        product = Product.objects.filter(price=next(_numbers) % ROWS).first()
    return answer(name=product.name if product else "")


_waiting_requests: deque[HttpRequest] = deque()


@leaks(pattern="unbounded-container", holder="_waiting_requests", types=("Request", "dict"), library="django/")
def requests_kept(request: HttpRequest) -> JsonResponse:
    """The requests themselves (after https://github.com/googleapis/python-logging/issues/49)."""
    _waiting_requests.append(request)  # leaks
    return answer(waiting=len(_waiting_requests))


_visits: dict[tuple[str, str], Counter[str]] = {}


@leaks(pattern="unbounded-container", holder="_visits", types="Counter", ask="/metric_labels?agent=browser-{n}")
def metric_labels(request: HttpRequest) -> JsonResponse:
    """Counters by a label that the client chooses (after https://github.com/chrisguidry/docket/pull/164)."""
    labels = ("GET", request.GET["agent"])
    if labels not in _visits:
        _visits[labels] = Counter()  # leaks
    _visits[labels]["visits"] += 1  # leaks
    return answer(series=len(_visits))


_journal = io.BytesIO()


@leaks(pattern=("unbounded-container", "native-memory"), holder="_journal")
def growing_buffer(request: HttpRequest) -> JsonResponse:
    """One buffer in memory that every request writes to: no object is born, and none dies."""
    _journal.write(b"a line about this request" * 400)  # leaks
    return answer(size=_journal.tell())


@innocent()
def clean(request: HttpRequest) -> JsonResponse:
    """Makes what the others make, and keeps nothing of it."""
    report = Report(next(_numbers))
    return answer(rows=len(report.rows), steps=len(Rates(1).steps))


@innocent()
def cache_of_128(request: HttpRequest) -> JsonResponse:
    """`lru_cache` as it comes: 128 entries."""
    return answer(number=recent_report(next(_numbers)).number)


@functools.lru_cache
def recent_report(number: int) -> Report:
    return Report(number)


@innocent()
def last_hundred(request: HttpRequest) -> JsonResponse:
    """A deque with a limit."""
    _last.append(Report(next(_numbers)))
    return answer(last=len(_last))


_last: deque[Report] = deque(maxlen=100)

VIEWS = (
    method_caches, function_cache, receivers, cached_properties, query_results, statement_log, requests_kept,
    metric_labels, growing_buffer, clean, cache_of_128, last_hundred,
)  # fmt: skip
