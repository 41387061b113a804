"""A newcomer's dry run: docs/quick-start.md is typed, block by block, into a fresh copy of the project."""

import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.documents.fresh_copy import fresh_copy, plain_environment
from tests.documents.pages import Block, blocks, page
from tests.documents.transcript import Command, Shell, commands, matches

BLOCKS = [each for each in blocks(page("docs/quick-start.md")) if each.language == "console"]
ELSEWHERE = {"azure", "clone"}
"""Marks of blocks that are not typed: those for Azure, and the clone, in whose place the copy stands."""
END_SECONDS = 30.0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_everything_that_needs_no_azure_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    with ExitStack() as stack:
        newcomer = stack.enter_context(Newcomer(fresh_copy(tmp_path)))
        ran = [block for block in BLOCKS if newcomer.typed(block)]
    assert ran == [block for block in BLOCKS if not left_out(block)]
    assert len(ran) >= 14


def left_out(block: Block) -> bool:
    """Tell whether a block is marked for elsewhere, or for a client that is not installed."""
    return bool(ELSEWHERE & set(block.marks)) or ("skopeo" in block.marks and shutil.which("skopeo") is None)


class Newcomer:
    """Somebody with two terminals in the copy; the second one runs what is marked *background*."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._shell = Shell(copy, plain_environment())
        self._second: subprocess.Popen[str] | None = None

    def typed(self, block: Block) -> bool:
        """Type a block unless it is for elsewhere; fail when something else comes out than it shows."""
        if left_out(block):
            return False
        found = list(commands(block.text))
        assert found, f"nothing to type in {block}"
        for command in found:
            shown = self._started(command) if "background" in block.marks else self._shell.type(command.typed)
            expected = "\n".join(command.expected)
            assert matches(command.expected, shown), f"$ {command.typed}\nexpected:\n{expected}\nshown:\n{shown}"
        return True

    def _started(self, command: Command) -> str:
        """Start a command in the second terminal and return what it prints until its last expected line."""
        self._second = subprocess.Popen(
            ["bash", "-c", f". .venv/bin/activate && exec {command.typed}"],
            cwd=self._copy,
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._second.stdout is not None
        shown = ""
        for line in self._second.stdout:
            shown += line
            if line.strip() == command.expected[-1]:
                break
        return shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._shell.close()
        if self._second is not None:
            self._second.send_signal(signal.SIGINT)
            self._second.communicate(timeout=END_SECONDS)


def test_only_known_marks_stand_behind_console() -> None:
    assert {mark for block in BLOCKS for mark in block.marks} <= {*ELSEWHERE, "background", "skopeo"}


def test_what_azure_needs_is_marked() -> None:
    tools = ("azd ", "az ")
    typed = [(block, command.typed) for block in BLOCKS for command in commands(block.text)]
    assert {block.marks for block, line in typed if line.startswith(tools)} == {("azure",)}


@pytest.mark.parametrize(
    ("expected", "shown", "same"),
    [
        (("a", "..."), "a\nb\nc\n", True),
        (("a", "..."), "a\n", True),
        (("a", "...", "z"), "a\nb\n", False),
        (("took ... s",), "took 7.8 s\n", True),
        (("tag  off  off",), "tag        off   off\n", True),
        (("tag  off  off",), "tag  off  on\n", False),
        (("a",), "a\nb\n", False),
        ((), "error\n", False),
        (("a+b (c)",), "a+b (c)\n", True),
    ],
)
def test_an_output_is_compared_line_by_line(expected: tuple[str, ...], shown: str, same: bool) -> None:
    assert matches(expected, shown) is same


def test_a_command_goes_on_behind_the_second_prompt() -> None:
    (first, second) = commands("$ cat <<'E'\n> x\n>\n> E\nx\n\n$ true\n")
    assert (first.typed, first.expected) == ("cat <<'E'\nx\n\nE", ("x", ""))
    assert (second.typed, second.expected) == ("true", ())
