"""The package: what it loads, what is deployed of it."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "taglock/reporting"
MODULES = ", ".join(f"taglock.reporting.{file.stem}" for file in sorted(PACKAGE.glob("[a-z]*.py")))
LOADED = f"import sys, {MODULES}; print('jinja2' in sys.modules)"


def test_importing_the_renderers_does_not_load_the_template_engine() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_every_file_that_the_page_is_made_of_is_deployed() -> None:
    lines = (ROOT / ".funcignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    names = {"page.html.j2", "page.css", "page.js", "overview.html.j2", "overview.js", "parts.html.j2"}
    assert {file.name for file in PACKAGE.iterdir() if file.is_file() and file.suffix != ".py"} == names
    files = [*(PACKAGE / name for name in names), *PACKAGE.glob("*.py")]
    ignored = [
        file.name
        for file in files
        if any(fnmatch(part, pattern) for part in file.relative_to(ROOT).parts for pattern in patterns)
    ]
    assert all(file.is_file() for file in files)
    assert ignored == []


def test_the_template_engine_is_among_what_the_app_needs_at_run_time() -> None:
    assert "jinja2==" in (ROOT / "requirements.txt").read_text()
