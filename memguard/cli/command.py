"""What commands share: their exit codes, and how they say that they cannot do what was asked."""

OK, FOUND, WRONG = 0, 1, 2
"""Exit codes: done; done, and what was looked for is there; the arguments or the store are wrong."""

INTERRUPTED = 130
"""As a shell has it for whoever pressed Ctrl-C."""


class CommandError(Exception):
    """What was asked for cannot be done; the message says why, and goes to stderr as one line."""
