"""The consumer whose retry queue holds DataFrames: what could not be delivered is kept to be tried again, and never is."""

import os

import pandas as pd
from celery import Celery

from memguard.celery import MemGuard

app = Celery("prices", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
MemGuard(app)

ROWS = 200
_retry_queue: list[pd.DataFrame] = []


def prices_of(day: int) -> pd.DataFrame:
    """Return the prices of a day; here they are made up, a real one reads them from a file or a database."""
    return pd.DataFrame({"article": range(ROWS), "price": [day + number / 100 for number in range(ROWS)]})


def is_delivered(day: int) -> bool:
    """Tell whether the partner has taken the prices of a day; every second time he is away."""
    return day % 2 == 0


@app.task
def deliver(day: int) -> int:
    """Send the prices of a day to a partner."""
    frame = prices_of(day)
    cheap = frame[frame["price"] < day + 1].copy()  # the line that leaks
    if not is_delivered(day):
        _retry_queue.append(cheap)
    return len(cheap)


@app.task
def count(day: int) -> int:
    """Count the prices of a day."""
    return len(prices_of(day))
