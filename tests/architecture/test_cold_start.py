"""Importing the app must not load an SDK: a cold start pays for every import."""

import json
import subprocess
import sys

from tests.architecture.sources import ROOT

SLOW = ("azure.core", "azure.identity", "azure.containerregistry", "azure.eventgrid", "azure.data", "aiohttp")
PROGRAM = "import json, sys, function_app; print(json.dumps(sorted(sys.modules)))"


def test_a_fresh_interpreter_imports_the_app_without_loading_an_sdk() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded = json.loads(ran.stdout)
    slow = [name for name in loaded if name in SLOW or name.startswith(tuple(f"{each}." for each in SLOW))]
    assert "azure.functions" in loaded
    assert not slow, f"importing function_app loaded {', '.join(slow)}"
