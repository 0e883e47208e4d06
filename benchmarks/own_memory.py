"""Memory of memguard itself over a million units: it must stay flat.

    python benchmarks/own_memory.py [--units 1000000]

Requests through the WSGI middleware of an application that does nothing and leaks nothing, of many operations, with
default settings; RSS, allocator blocks and Python objects of the process are read at ten moments.
"""

import argparse
import gc
import sys
import tempfile

import psutil
from boundary import wsgi_application, wsgi_runner
from rounds import save, say

from memguard import Settings
from memguard.wsgi import MemGuardMiddleware

MOMENTS = 10


def main() -> None:
    """Run the units and keep what was read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=1_000_000)
    options = parser.parse_args()
    settings = Settings.load(store=tempfile.mkdtemp() + "/bench.sqlite")
    run = wsgi_runner(MemGuardMiddleware(wsgi_application, settings))
    process = psutil.Process()
    rows = []
    for moment in range(MOMENTS + 1):
        gc.collect()
        rows.append(
            {
                "units": moment * options.units // MOMENTS,
                "rss": process.memory_info().rss,
                "blocks": sys.getallocatedblocks(),
                "objects": len(gc.get_objects()),
            }
        )
        say(rows[-1])
        if moment < MOMENTS:
            run(options.units // MOMENTS)
    save("own_memory", {"rows": rows})


if __name__ == "__main__":
    main()
