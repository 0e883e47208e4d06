"""What every unit of the zoo does besides its point: the ordinary work of a request, some milliseconds of CPU.

Costs are compared with what a request costs; of an application that does nothing they would be most of the time.
"""

import json
import re
from typing import Any

ROWS, ROWS_OF_A_BUSY_SERVER = 1000, 350


def ordinary_work(*_: Any, rows_most: int = ROWS, **__: Any) -> None:
    """Make rows, sort them, render them and read them again, and keep nothing."""
    numbers = range(rows_most)
    rows = [{"id": n, "name": f"item {n * 7919 % 1009}", "price": n * 1.19, "tags": ["a", "b"]} for n in numbers]
    rows.sort(key=lambda row: str(row["name"]))
    page = "".join(f"<tr><td>{row['id']}</td><td>{row['name']}</td><td>{row['price']:.2f}</td></tr>" for row in rows)
    re.findall(r"<td>(item [0-9]+)</td>", page)
    json.loads(json.dumps(rows))


def light_work() -> None:
    """Do the same for a server that has to answer hundreds of requests a second."""
    ordinary_work(rows_most=ROWS_OF_A_BUSY_SERVER)


class Working:
    """The same as ASGI middleware."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Work, then go on."""
        if scope["type"] == "http":
            ordinary_work()
        await self.app(scope, receive, send)
