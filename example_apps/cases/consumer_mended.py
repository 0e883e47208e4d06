"""The same consumer, mended: the broker keeps what must be tried again, as a number and not as a DataFrame."""

from typing import Any

from celery import Task

from example_apps.cases.consumer import app, is_delivered, prices_of

__all__ = ["app", "deliver"]

RETRIES_MOST = 3


@app.task(bind=True, max_retries=RETRIES_MOST)
def deliver(self: "Task[Any, Any]", day: int) -> int:
    """Send the prices of a day to a partner; where he is away, come back later with the day."""
    cheap = prices_of(day).query("price < @day + 1")
    if not is_delivered(day + self.request.retries):
        raise self.retry(countdown=0)
    return len(cheap)
