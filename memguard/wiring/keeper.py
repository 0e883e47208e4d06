"""The keeper: one daemon thread a process that does what may not stand on a unit's path."""

import threading
from collections.abc import Callable
from time import thread_time

SECONDS_BETWEEN_ROUNDS, SECONDS_BETWEEN_ROUNDS_MOST = 1.0, 3.0
PATIENCE_SECONDS, LOOK_SECONDS = 1.0, 0.1
STOP_SECONDS_MOST = 2.0
SECONDS_BETWEEN_LOOKS = 0.25
OWN_SHARE_MOST = 0.005
"""Share of a core a keeper may use, where nobody says otherwise."""


class Keeper:
    """Calls a round about once a second, from its start until it is stopped or the process ends.

    Attributes:
        seconds: CPU seconds its rounds have used.
    """

    def __init__(
        self,
        round_: Callable[[], None],
        is_bad_moment: Callable[[], bool],
        look: Callable[[], None] = lambda: None,
        share: Callable[[], float] = lambda: OWN_SHARE_MOST,
    ) -> None:
        """Make a keeper; `is_bad_moment` may put a round off for `PATIENCE_SECONDS` at most.

        Between rounds it looks, some times a second. After a costly round it rests until it has used no more than
        this share of a core, but for `SECONDS_BETWEEN_ROUNDS_MOST` at most.
        """
        self.seconds = 0.0
        self._round = round_
        self._is_bad_moment = is_bad_moment
        self._look = look
        self._share = share
        # Held until it is stopped. `Event.wait` makes a lock and a method at each call, which windows would see.
        self._stopping = threading.Lock()
        self._stopping.acquire()
        self._is_stopped = False
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
        if not self._is_stopped:
            self._is_stopped = True
            self._stopping.release()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS_MOST)

    def _rested(self, seconds: float) -> bool:
        """Rest, but look now and then; return True if it was stopped meanwhile."""
        for _ in range(max(1, round(seconds / SECONDS_BETWEEN_LOOKS))):
            if self._stopped_within(min(seconds, SECONDS_BETWEEN_LOOKS)):
                return True
            started = thread_time()
            self._look()
            self.seconds += thread_time() - started
        return False

    def _stopped_within(self, seconds: float) -> bool:
        if not self._stopping.acquire(timeout=seconds):
            return False
        self._stopping.release()
        return True

    def _run(self) -> None:
        rest = SECONDS_BETWEEN_ROUNDS
        while not self._rested(rest):
            for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
                if not self._is_bad_moment() or self._stopped_within(LOOK_SECONDS):
                    break
            started = thread_time()
            self._round()
            used = thread_time() - started
            self.seconds += used
            rest = min(SECONDS_BETWEEN_ROUNDS_MOST, max(SECONDS_BETWEEN_ROUNDS, used / self._share()))
