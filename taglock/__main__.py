"""`python -m taglock COMMAND`: one module of taglock.cli per command."""

import argparse
import sys
from collections.abc import Sequence

from taglock.cli import (
    accept,
    audit,
    check,
    deployed,
    diff,
    doctor,
    explain,
    hold,
    lift,
    plan,
    quarantine,
    retire,
    schema,
    show,
    unlock,
)
from taglock.errors import CallFailed, InvalidInput

COMMANDS = (
    *(check, explain, schema, deployed, show, plan, audit, diff, doctor),
    *(quarantine, lift, unlock, hold, retire, accept),
)
"""Each has `add_to(subparsers)`, which sets `run`: a function from the parsed arguments to the exit code."""
INVALID = 2
UNAVAILABLE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 for input that cannot be understood, with one line per problem."""
    parser = argparse.ArgumentParser(prog="python -m taglock", description="Makes releases in ACR immutable.")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except InvalidInput as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return INVALID
    except CallFailed as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    return code


if __name__ == "__main__":
    raise SystemExit(main())
