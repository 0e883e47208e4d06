"""`/metrics`: the same as the report, for Prometheus."""

import time

from memguard.dashboard.lists import worker_key
from memguard.dashboard.messages import Response, Source, response
from memguard.dashboard.report import build
from memguard.export import prometheus
from memguard.settings import Settings


def metrics(settings: Settings, source: Source) -> Response:
    """Return the metrics of all workers of the service."""
    source.flush()
    stored = source.store.read()
    report = build(stored, service=settings.service, answered_by=source.worker_id, now=time.time())
    told = [
        ((key["host"], key["pid"], key["started_at"]), stats)
        for key, stats in ((worker_key(worker), stats) for worker, stats in stored.operations)
    ]
    return response(200, prometheus.CONTENT_TYPE, prometheus.exposition(report, told))
