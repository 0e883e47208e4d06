"""tracemalloc, switched on and off without taking it from a host that uses it itself."""

import tracemalloc


class Tracing:
    """Owns the tracing that memguard started; tracing that the host started is used and never stopped or reset."""

    def __init__(self) -> None:
        self.ours = False

    @property
    def on(self) -> bool:
        """Whether allocations are traced now, by whomever it was switched on."""
        return tracemalloc.is_tracing()

    def start(self, frames: int) -> None:
        """Trace from now on, so many frames deep; where tracing is on already its depth stays as it is."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(frames)
            self.ours = True

    def stop(self) -> None:
        """Stop tracing, if it was ours."""
        if self.ours:
            self.ours = False
            tracemalloc.stop()

    def read(self) -> tuple[int, int]:
        """Return traced bytes now and their peak since the last `reset_peak`."""
        return tracemalloc.get_traced_memory()

    def reset_peak(self) -> None:
        """Begin a new peak, unless the host traces by itself and may be waiting for its own."""
        if self.ours:
            tracemalloc.reset_peak()
