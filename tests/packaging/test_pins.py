import re
from pathlib import Path

import pytest

from tools.errors import ToolFailed
from tools.pins import DEVELOPMENT, PROJECT, RUNTIME, Pin, read_pins

HASH = "0" * 64


@pytest.mark.parametrize("file", [RUNTIME, DEVELOPMENT], ids=lambda file: file.name)
def test_every_package_of_the_project_is_pinned_exactly_and_with_hashes(file: Path) -> None:
    pins = read_pins(file)
    assert len({pin.name for pin in pins}) == len(pins) > 20


def test_development_has_the_versions_that_are_deployed() -> None:
    assert set(read_pins(RUNTIME)) <= set(read_pins(DEVELOPMENT))


def test_everything_that_is_asked_for_is_pinned() -> None:
    lines = (PROJECT / "requirements.in").read_text().splitlines()
    named = {re.split(r"[=\[]", line)[0].lower() for line in lines if line and not line.startswith(("#", "-"))}
    assert named <= {pin.name for pin in read_pins(RUNTIME)}


def test_a_pin_is_read_with_its_hashes(tmp_path: Path) -> None:
    file = tmp_path / "r.txt"
    file.write_text(f"# a comment\none==1.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{HASH}\n    # via two\n")
    assert read_pins(file) == (Pin(name="one", version="1.0", hashes=(HASH, HASH)),)


@pytest.mark.parametrize("line", ["one==1.0", f"one>=1.0 --hash=sha256:{HASH}", "-e .", "one @ https://example.com/x"])
def test_what_is_not_pinned_is_told(tmp_path: Path, line: str) -> None:
    file = tmp_path / "r.txt"
    file.write_text(line)
    with pytest.raises(ToolFailed, match="expected NAME==VERSION"):
        read_pins(file)
