"""A worker of a small application that serves itself until its stdin is closed: `worker.py STORE`."""

import select
import sys

from flask import Flask

from memguard.flask import MemGuard

SECONDS_BETWEEN_REQUESTS = 0.02
ORDERS: list[dict[str, int]] = []


def main(store: str) -> None:
    """Serve."""
    app = Flask("shop")
    MemGuard(app, store=store, service="shop")

    @app.get("/order")
    def order() -> str:
        ORDERS.append({"number": len(ORDERS)})
        return str(len(ORDERS))

    client = app.test_client()
    while not select.select([sys.stdin], [], [], SECONDS_BETWEEN_REQUESTS)[0]:
        client.get("/order")


if __name__ == "__main__":
    main(sys.argv[1])
