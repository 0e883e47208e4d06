"""The keeper: one daemon thread a process that does what may not stand on a unit's path."""

import threading
from collections.abc import Callable
from time import thread_time

SECONDS_BETWEEN_ROUNDS, SECONDS_BETWEEN_ROUNDS_MOST = 1.0, 3.0
PATIENCE_SECONDS, LOOK_SECONDS = 1.0, 0.1
STOP_SECONDS_MOST = 2.0
OWN_SHARE_MOST = 0.005
"""Share of a core a keeper may use: after a costly round it rests accordingly longer."""


class Keeper:
    """Calls a round about once a second, from its start until it is stopped or the process ends.

    Attributes:
        seconds: CPU seconds its rounds have used.
    """

    def __init__(self, round_: Callable[[], None], is_bad_moment: Callable[[], bool]) -> None:
        """Make a keeper; `is_bad_moment` may put a round off for `PATIENCE_SECONDS` at most."""
        self.seconds = 0.0
        self._round = round_
        self._is_bad_moment = is_bad_moment
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. A daemon: it never holds up the end of the process."""
        self._thread = threading.Thread(target=self._run, name="memguard-keeper", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The interpreter is shutting down, or the system refuses threads: the host's units must go on without.
            self._thread = None
            raise

    def stop(self) -> None:
        """Ask the thread to end, and wait a moment for the round in hand."""
        self._stopped.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS_MOST)

    def _run(self) -> None:
        rest = SECONDS_BETWEEN_ROUNDS
        while not self._stopped.wait(rest):
            for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
                if not self._is_bad_moment() or self._stopped.wait(LOOK_SECONDS):
                    break
            started = thread_time()
            self._round()
            used = thread_time() - started
            self.seconds += used
            rest = min(SECONDS_BETWEEN_ROUNDS_MOST, max(SECONDS_BETWEEN_ROUNDS, used / OWN_SHARE_MOST))
