"""pip-audit against an OSV of this machine, over a real socket."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.pins import PROJECT

pytestmark = pytest.mark.slow
PACKAGES = {"one": "1.0", "two": "2.0"}
VULNERABLE = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "summary": "it is broken",
            "affected": [
                {
                    "package": {"name": "two", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}],
                }
            ],
        }
    ]
}


@contextmanager
def osv(vulnerable: frozenset[str], *, status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve answers like OSV's; yield the address and what was asked."""
    asked: list[dict[str, Any]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(question)
            answer = VULNERABLE if question["package"]["name"] in vulnerable else {}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        finally:
            server.shutdown()
            thread.join()


def audited(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "requirements.txt"
    file.write_text("".join(f"{name}=={version} --hash=sha256:{'0' * 64}\n" for name, version in PACKAGES.items()))
    return subprocess.run(
        [sys.executable, "-m", "tools.supply.audit", "--osv", address, "--requirements", str(file)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_packages_without_findings_pass_and_each_was_asked_for_in_its_version(tmp_path: Path) -> None:
    with osv(frozenset()) as (address, asked):
        ran = audited(address, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert {each["package"]["name"]: each["version"] for each in asked[1:]} == PACKAGES


def test_a_finding_fails_and_is_named(tmp_path: Path) -> None:
    with osv(frozenset({"two"})) as (address, _):
        ran = audited(address, tmp_path)
    assert ran.returncode == 1
    assert "PYSEC-2026-1" in ran.stdout
    assert "one " not in ran.stdout


def test_without_a_network_it_is_skipped_and_says_why(tmp_path: Path) -> None:
    with osv(frozenset()) as (address, _):
        pass  # closed: nobody listens there any more
    ran = audited(address, tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"audit-packages: skipped, because {address} could not be asked: ")
    assert "refused" in ran.stdout


def test_a_service_that_refuses_is_told_by_its_status(tmp_path: Path) -> None:
    with osv(frozenset(), status=503) as (address, _):
        ran = audited(address, tmp_path)
    assert (ran.returncode, ran.stdout.strip().rpartition(": ")[2]) == (0, "it answered 503")
