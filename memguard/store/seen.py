"""Snapshots in the store's file: the latest of each worker."""

import json
import sqlite3
from dataclasses import asdict

from memguard.model import WorkerId
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.store import rows


def write(connection: sqlite3.Connection, worker: int, snapshot: Snapshot) -> None:
    """Keep a worker's snapshot in place of the one before."""
    connection.execute(
        "REPLACE INTO snapshot (worker, at, body) VALUES (?, ?, ?)",
        (worker, rows.number(snapshot.at), rows.packed(asdict(snapshot))),
    )


def read(connection: sqlite3.Connection, service: str) -> list[tuple[WorkerId, Snapshot]]:
    """Return the latest snapshot of each worker of a service, newest first."""
    found = connection.execute(
        "SELECT worker.host, worker.pid, worker.started_at, snapshot.body FROM snapshot "
        "JOIN worker ON worker.id = snapshot.worker WHERE worker.service = ? ORDER BY snapshot.at DESC",
        (service,),
    )
    return [(WorkerId(*key), to_snapshot(body)) for *key, body in found]


def to_snapshot(body: str) -> Snapshot:
    """Return the snapshot of its JSON, also of one that a memguard with fewer or more fields wrote."""
    found = json.loads(body)
    return rows.made(
        Snapshot,
        {
            **found,
            "types": tuple(rows.made(TypeSize, each) for each in found["types"]),
            "growth": tuple(rows.made(TypeGrowth, each) for each in found["growth"]),
            "sites": tuple(rows.made(SiteSize, each) for each in found["sites"]),
        },
    )
