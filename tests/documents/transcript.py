"""Type the console blocks of a document into one shell and compare what it answers."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

PROMPT, MORE, ANYTHING = "$ ", ">", "..."


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed at one prompt, and the lines that are to come out."""

    typed: str
    expected: tuple[str, ...]


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a console block: `$ ` begins one, `> ` goes on with it, all else is its output."""
    typed: list[str] = []
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith(PROMPT):
            if typed:
                yield Command("\n".join(typed), tuple(expected))
            typed, expected = [line.removeprefix(PROMPT)], []
        elif line.startswith(MORE) and typed and not expected:
            typed.append(line.removeprefix(MORE).removeprefix(" "))
        else:
            expected.append(line)
    if typed:
        yield Command("\n".join(typed), tuple(expected))


def matches(expected: Sequence[str], shown: str) -> bool:
    """Tell whether an output is as expected: `...` alone stands for any lines, within a line for any text."""
    lines = "".join(r"(?:.*\n)*" if line.strip() == ANYTHING else _line(line) for line in expected)
    return re.fullmatch(lines, "".join(f"{line.rstrip()}\n" for line in shown.splitlines())) is not None


def _line(line: str) -> str:
    pieces = (re.sub(r"(?:\\ )+", r" +", re.escape(piece.strip())) for piece in line.split(ANYTHING))
    return (r" *" if line.startswith(" ") else "") + r".*".join(pieces) + "\n"


class Shell:
    """One bash that stays open, so that variables and the folder stay as they were left."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, command: str) -> str:
        """Run a command in the shell and return all that it prints, errors included."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        end = f"end-{uuid4()}"
        self._bash.stdin.write(f"{command}\nprintf '%s\\n' {end}\n")
        self._bash.stdin.flush()
        shown = ""
        for line in self._bash.stdout:
            if line.rstrip("\n").endswith(end):
                return shown + line.rstrip("\n").removesuffix(end)
            shown += line
        raise AssertionError(f"the shell ended at {command!r} after it had printed:\n{shown}")

    def close(self) -> None:
        """End the shell."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.close()
        self._bash.wait(10)
        self._bash.stdout.close()
