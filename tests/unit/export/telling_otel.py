"""Runs a request through Flask, FastAPI and Django and a task through Celery, instrumented by OpenTelemetry; prints what it got."""

import json
import sys

import django
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from opentelemetry import metrics, trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import memguard.celery
import memguard.flask
import memguard.starlette
from memguard.wiring.guard import Guard

KEPT: list[bytes] = []
SETTINGS = {"opentelemetry": True, "mode": "trace", "service": "told"}


def keep() -> dict[str, int]:
    """Leave 3 MB."""
    KEPT.append(b"x" * 3_000_000)
    return {"kept": len(KEPT)}


def keep_in_django(_: HttpRequest) -> JsonResponse:
    """Leave 3 MB."""
    return JsonResponse(keep())


urlpatterns = [path("django", keep_in_django)]


def ask_django() -> None:
    """Run a request through both middlewares, the instrumentation's first, as it puts itself."""
    settings.configure(
        MIDDLEWARE=["memguard.django.MemGuardMiddleware"], INSTALLED_APPS=["memguard.django"], ROOT_URLCONF=__name__,
        MEMGUARD=SETTINGS, ALLOWED_HOSTS=["*"],
    )  # fmt: skip
    DjangoInstrumentor().instrument()
    django.setup()
    Client().get("/django")


def main() -> None:
    """Run one unit of each, and print the spans' attributes and the metrics."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    flask = Flask("told")
    memguard.flask.MemGuard(flask, **SETTINGS)
    flask.get("/flask")(keep)
    FlaskInstrumentor().instrument_app(flask)  # type: ignore[no-untyped-call]
    fastapi = FastAPI()
    fastapi.add_middleware(memguard.starlette.MemGuardMiddleware, settings=SETTINGS)
    fastapi.get("/fastapi")(keep)
    FastAPIInstrumentor.instrument_app(fastapi)
    celery = Celery("told", broker="memory://", backend="cache+memory://")
    memguard.celery.MemGuard(celery, **SETTINGS)
    task = celery.task(name="told.keep")(keep)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    flask.test_client().get("/flask")
    TestClient(fastapi).get("/fastapi")
    ask_django()
    with start_worker(celery, perform_ping_check=False, pool="solo"):
        task.delay().get(timeout=30)
    guard = Guard.current()
    assert guard is not None
    guard.flush()
    found = {span.name: dict(span.attributes or {}) for span in spans.get_finished_spans()}
    data = reader.get_metrics_data()
    told = json.loads(data.to_json()) if data is not None else {}
    sys.stdout.write(json.dumps({"spans": found, "metrics": told}, default=str))


if __name__ == "__main__":
    main()
