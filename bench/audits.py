"""Registries of a size to audit, and what an audit of them costs in an interpreter of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.audit_probe import Cost
from bench.emulator import PROJECT, BenchFailed, Emulator

LOCKED = {"deleteEnabled": False, "writeEnabled": False}
CHILDREN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Tags over repositories; one in ten is an index of two images."""

    tags: int
    repositories: int

    @property
    def indexes(self) -> int:
        """How many tags point to an index."""
        return self.tags // 10

    @property
    def per_repository(self) -> int:
        """How many tags each repository has."""
        return self.tags // self.repositories

    @property
    def page_floor(self) -> int:
        """How many pages of 1,000 there are, and one request for each repository."""
        per = self.per_repository
        pages = -(-per // 1000) + -(-(per + per // 10 * CHILDREN) // 1000)
        return -(-self.repositories // 1000) + self.repositories * (1 + pages)


def seed(size: Size) -> object:
    """Return the seed document of a registry whose releases are all locked."""
    per = size.per_repository
    return {
        "repositories": [
            {
                "name": f"prod/r{number:04d}",
                "bulk": [
                    {"images": per - per // 10, "first": number * per * 10, "tag": "1.0.{}", "flags": LOCKED},
                    {
                        "images": per // 10,
                        "first": number * per * 10 + per * 8,
                        "tag": "2.0.{}",
                        "children": CHILDREN,
                        "flags": LOCKED,
                    },
                ],
            }
            for number in range(size.repositories)
        ]
    }


def audit_costs(emulator: Emulator, ledger: Path, *, watched: bool) -> Sequence[Cost]:
    """Return what the first and the second audit cost; `watched`: with a ledger that knows every release."""
    if watched:
        _probe(emulator, ledger, "watch")
    return [Cost(**json.loads(line)) for line in _probe(emulator, ledger, "audit").splitlines()]


def _probe(emulator: Emulator, ledger: Path, work: str) -> str:
    command = [sys.executable, "-m", "bench.audit_probe", emulator.started.login_server, str(ledger), work]
    environment = {**os.environ, **emulator.started.environment}
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BenchFailed(f"the audit ended with {ended.returncode}; it said:\n{ended.stderr[-2000:]}")
    return ended.stdout
