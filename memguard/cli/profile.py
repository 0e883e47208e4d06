"""Print which lines of a function take memory: of a Python program that is run, or of the next units of a service.

FUNCTION is where it is and its name: `shop.tasks:bill`, `job.py:load`, `shop.views:Basket.total`. In a service the view or
the task itself is followed where none is named.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import CodeType
from typing import Any

from memguard.cli.asking import asking_arguments, run_action, traced_seconds
from memguard.cli.command import FOUND, CommandError
from memguard.cli.numbers import count
from memguard.cli.running import output_set_aside, run_program
from memguard.commands import UNITS_FOLLOWED, UNITS_FOLLOWED_MOST, Command, FollowedFunction, Following
from memguard.dashboard.commanding import LINES_SECONDS
from memguard.instruments.following import TakenError
from memguard.instruments.lines import Lines, functions_of
from memguard.lineprofile import table, traced


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "-f", "--function", metavar="FUNCTION", action="append", default=[],
        help="what to follow, like shop.tasks:bill; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="write what was found there as JSON; alone, print it, and what the program prints goes to stderr",
    )
    parser.add_argument("--operation", metavar="NAME", help="of a running service: its next units are followed")
    parser.add_argument(
        "--kind", choices=("request", "task", "websocket"), help="what kind of unit it is (default: by its name)"
    )
    parser.add_argument(
        "--units", metavar="N", type=count, default=UNITS_FOLLOWED,
        help=f"how many in each worker (default: {UNITS_FOLLOWED}, at most {UNITS_FOLLOWED_MOST})",
    )  # fmt: skip
    parser.add_argument(
        "--within", metavar="TIME", default=f"{LINES_SECONDS:.0f}",
        help=f"how long to wait for them (default: {LINES_SECONDS:.0f} s)",
    )  # fmt: skip
    asking_arguments(parser, has_json=False)
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="-- PROGRAM", help="a Python file and its arguments"
    )


def run(asked: argparse.Namespace) -> int:
    """Run it; return 0, or 1 where nothing was followed or the program raised, 130 where it was interrupted."""
    given = asked.program[1:] if asked.program[:1] == ["--"] else asked.program
    if asked.operation is not None:
        if given:
            raise CommandError("either --operation of a running service, or a program, not both")
        return _of_a_service(asked)
    if not given:
        raise CommandError("which program? As in: memguard profile -f job.py:load -- job.py")
    if not asked.function:
        raise CommandError("which function? As in: memguard profile -f job.py:load -- job.py")
    return _of_a_program(asked, given)


def _of_a_service(asked: argparse.Namespace) -> int:
    seconds = traced_seconds("--within", asked.within)
    if asked.units > UNITS_FOLLOWED_MOST:
        raise CommandError(f"--units {asked.units}: at most {UNITS_FOLLOWED_MOST} are followed")
    if asked.json not in {None, "-"}:
        raise CommandError("--json of a service is printed; it takes no file")
    method, _, path = asked.operation.partition(" ")
    kind = asked.kind or ("request" if method.isupper() and path else "task")
    following = Following(kind, asked.operation, asked.units, tuple(asked.function))
    followed: list[FollowedFunction] = []

    def note(told: list[Command]) -> None:
        for each in told:
            followed.extend(each.outcome.functions if each.outcome is not None else ())

    code = run_action(
        asked, "lines", seconds, following=following, more=lambda outcome: table(outcome.functions), then=note
    )
    return code if followed else FOUND


def _of_a_program(asked: argparse.Namespace, given: list[str]) -> int:
    if not Path(given[0]).is_file():
        raise CommandError(f"there is no program {given[0]}")
    lines = Lines(_wants(asked.function))
    answer = output_set_aside() if asked.json == "-" else nullcontext(sys.stdout)
    with answer as out:
        try:
            with traced(), lines.unit():
                code = run_program(given)
        except TakenError as error:
            raise CommandError(str(error)) from None
        functions = functions_of(lines.found)
        told = json.dumps({"functions": [_row(each) for each in functions]}, indent=2)
        out.write(table(functions) if asked.json != "-" else f"{told}\n")
    if asked.json not in {None, "-"}:
        Path(asked.json).write_text(told, encoding="utf-8")
    if not functions:
        print(f"memguard: none of these ran: {', '.join(asked.function)}", file=sys.stderr)
        return code or FOUND
    return code


def _row(function: FollowedFunction) -> dict[str, Any]:
    lines = [
        {
            "line": each.line,
            "hits": each.hits,
            "before_bytes": each.before,
            "increment_bytes": each.increment,
            "peak_bytes": each.peak,
            "source": each.source,
        }
        for each in function.lines
        if each.hits
    ]
    return {"function": function.name, "file": function.file, "lines": lines}


def _wants(functions: list[str]) -> Callable[[CodeType], bool]:
    pairs = []
    for written in functions:
        where, colon, name = written.partition(":")
        if not (where and colon and name):
            raise CommandError(f"{written}: expected a module or file and a function, like shop.tasks:bill")
        pairs.append((where if where.endswith(".py") else f"{where.replace('.', '/')}.py", name))

    def wants(code: CodeType) -> bool:
        return any(code.co_qualname == name and f"/{code.co_filename}".endswith(f"/{file}") for file, name in pairs)

    return wants
