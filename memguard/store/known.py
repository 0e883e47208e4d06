"""What is remembered of a finding when the workers that told of it are long forgotten: since when it is known."""

import sqlite3

from memguard.model import Finding, Known
from memguard.store import rows

KEPT = 10_000
"""Fingerprints that are remembered, in all services of the file together."""
SILENCE = 7 * 86400.0
"""Seconds without a word of it after which a finding that comes again has returned."""


def remember(connection: sqlite3.Connection, service: str, finding: Finding) -> None:
    """Note that a worker of a service told a finding."""
    operation = finding.judgement.operation
    key = (service, rows.text(finding.fingerprint), rows.text(operation.kind), rows.text(operation.name))
    connection.execute(
        "INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (service, fingerprint) DO UPDATE SET "
        "returned = CASE WHEN excluded.first_seen > last_seen + ? THEN excluded.first_seen ELSE returned END, "
        "first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)",
        (*key, rows.number(finding.first_seen), rows.number(finding.last_seen), SILENCE),
    )


def read(connection: sqlite3.Connection, service: str) -> tuple[Known, ...]:
    """Return what is remembered of a service."""
    found = connection.execute("SELECT fingerprint, first_seen, returned FROM known WHERE service = ?", (service,))
    return tuple(Known(*row) for row in found)


def prune(connection: sqlite3.Connection) -> None:
    """Forget all but the fingerprints that were told last."""
    connection.execute(
        "DELETE FROM known WHERE rowid NOT IN (SELECT rowid FROM known ORDER BY last_seen DESC LIMIT ?)", (KEPT,)
    )
