"""The ordinary work of a request as Django middleware."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from tests.zoo.work import ordinary_work


@sync_and_async_middleware
def working(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Work, then go on."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: Any) -> Any:
            ordinary_work()
            return await get_response(request)

        return answer_later

    def answer(request: Any) -> Any:
        ordinary_work()
        return get_response(request)

    return answer
