"""The same work as tasks, as the variant in the environment has it."""

import os

from apps import ballast, variants, work
from celery import Celery
from celery.signals import worker_process_init

VARIANT = os.environ.get("BENCH_VARIANT", "bare")
BROKER = os.environ.get("BENCH_BROKER", "memory://")
app = Celery("bench", broker=BROKER, backend=BROKER)
app.conf.update(worker_prefetch_multiplier=100, broker_connection_retry_on_startup=True)


@app.task(name="trivial")
def trivial() -> str:
    """Do nothing."""
    return "ok"


@app.task(name="json")
def numbers() -> dict[str, object]:
    """Return what JSON is made of."""
    return work.numbers()


@app.task(name="template")
def template() -> str:
    """Return a page."""
    return work.page()


@app.task(name="orm")
def orm() -> dict[str, object]:
    """Return rows."""
    return work.loaded()


if VARIANT in variants.MEMGUARD:
    from memguard.celery import MemGuard

    MemGuard(app, **variants.MEMGUARD[VARIANT])
elif VARIANT == "tracemalloc":
    worker_process_init.connect(variants.trace, weak=False)

assert len(ballast.OBJECTS) == int(os.environ.get("BENCH_HEAP", "0"))
