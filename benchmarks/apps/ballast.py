"""Objects that are there before and stay: what an application of some size has on its heap."""

import os

OBJECTS = [[number] for number in range(int(os.environ.get("BENCH_HEAP", "0")))]
