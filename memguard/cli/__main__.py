"""`python -m memguard.cli`, where the command `memguard` is not on the path."""

import sys

from memguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
