"""What importing costs: the SDKs and SQLite are loaded by opening, not by importing."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print([name for name in ("aiohttp", "azure.core", "azure.data", "azure.eventgrid", "sqlite3") if name in sys.modules])
"""


@pytest.mark.parametrize("module", ["ledger_sqlite", "ledger_tables", "event_publisher"])
def test_importing_an_adapter_loads_no_sdk(module: str) -> None:
    command = [sys.executable, "-c", PROGRAM, f"taglock.adapters.{module}"]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
