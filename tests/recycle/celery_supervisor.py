"""A small supervisor, as systemd or a container's restart policy is one: whenever a Celery worker ends, it starts another.

It has imported everything before it forks, so that a start is quick. Each exit code is one line of the file it is given.
"""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

PREPARED = (
    "celery.bin.celery", "celery.apps.worker", "celery.worker.consumer", "kombu.transport.redis", "kombu.transport.pyamqp",
    "celery.backends.redis",
)  # fmt: skip


class Supervisor:
    """Keeps workers of one app up until SIGTERM, which ends them too.

    Args:
        module: Where the app is.
        codes: The file that exit codes are appended to.
        arguments: Of the `celery` command, from `worker` on.
    """

    def __init__(self, module: str, codes: Path, arguments: list[str]) -> None:
        self._is_green = "gevent" in arguments
        if self._is_green:
            from gevent import monkey

            monkey.patch_all(os=False, signal=False)
        for name in PREPARED:
            import_module(name)
        self._app = import_module(module).app
        self._app.finalize()
        self._codes = codes
        self._arguments = arguments
        self._running: dict[int, int] = {}
        self._is_stopping = False

    def keep_up(self, count: int) -> None:
        """Start that many workers, and another for each that ends, until all were told to end."""
        signal.signal(signal.SIGTERM, self._stop)
        for number in range(count):
            self._start(number)
        while self._running:
            pid, status = os.wait()
            number = self._running.pop(pid)
            with self._codes.open("a") as file:
                file.write(f"{os.waitstatus_to_exitcode(status)}\n")
            if not self._is_stopping:
                self._start(number)

    def _start(self, number: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            self._serve(number)
        self._running[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _serve(self, number: int) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if self._is_green:
            import gevent

            gevent.reinit()
        sys.exit(self._app.start([*self._arguments, "--hostname", f"worker{number}@%h"]))

    def _stop(self, *_: object) -> None:
        self._is_stopping = True
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    Supervisor(sys.argv[1], Path(sys.argv[2]), sys.argv[4:]).keep_up(int(sys.argv[3]))
