"""Print what a shell reads to complete `memguard`: commands, options, and what the store holds.

For bash: eval "$(memguard completion bash)", now or in ~/.bashrc.
"""

import argparse

from memguard.cli.command import OK, CommandError

SHELLS = ("bash", "zsh", "fish")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(asked: argparse.Namespace) -> int:
    """Print it."""
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise CommandError(
            "completion needs argcomplete, which is not installed here: pip install 'memguard-web[cli]'"
        ) from None
    print(shellcode(["memguard"], shell=asked.shell), end="")
    return OK
