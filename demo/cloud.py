"""The local cloud as the demonstration sees it: a process to start and end, a state file, and a control API."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from demo.client import Login

READY_SECONDS = 60.0
END_SECONDS = 15.0
PAUSE_SECONDS = 0.1
LOG_LINES = 25
PROJECT = Path(__file__).resolve().parents[1]
FOREIGN = ("taglock_", "azure_", "azurewebjobs", "identity_", "msi_", "website_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

# A proxy of the user's network knows nothing of this machine's ports.
open_directly = build_opener(ProxyHandler({})).open


class CloudFailed(Exception):
    """The local cloud did not start, or ended before it was asked to."""


class Cloud:
    """A running local cloud; the app's commands are run with its state file and these rules."""

    def __init__(self, state: dict[str, Any], *, state_file: Path, rules: Path | None = None) -> None:
        self.state = state
        self._state_file = state_file
        self._rules = rules
        registry = state["registry"]
        self.login = Login(
            endpoint=registry["endpoint"],
            name=registry["login_server"],
            username=registry["username"],
            password=registry["password"],
            ca_file=Path(state["ca_file"]),
        )

    def described(self) -> str:
        """Return where the parts of the cloud are."""
        return (
            f"registry        {self.login.endpoint} (HTTPS, tokens, Azure's attribute API)\n"
            f"Functions host  {self.state['functions']['endpoint']} (Microsoft's worker runs function_app.py)\n"
            f"Event Grid      delivers each push to the function image_pushed, each deployment to image_deployed\n"
            f"Azure           {self.state['arm']['endpoint']} (Resource Manager: container apps, web apps)"
        )

    def undelivered(self) -> list[str]:
        """Return a sentence when Event Grid still has deliveries under way, with how the last one went."""
        found = self._control("GET", "/deliveries")
        if not found["underway"]:
            return []
        last = found["deliveries"][-1:] or ["none yet"]
        return [f"{found['underway']} deliveries are under way; the last attempt: {last[0]}"]

    def deliver_again(self) -> int:
        """Have Event Grid deliver every event once more; return how many these are."""
        return int(self._control("POST", "/events/redeliver")["redelivered"])

    def rules_of_locked_images(self) -> dict[str, str]:
        """Return the rule by image (`repository:tag`), as the published events name it."""
        locked = self.published("Taglock.ImageLocked")
        return {f"{each['repository']}:{each['tag']}": each["rule"] for each in locked}

    def rules_of_running_images(self) -> dict[str, str]:
        """Return the rule by image (`repository@digest`) of what was locked because it was deployed."""
        locked = [each for each in self.published("Taglock.ImageLocked") if "deploymentEventId" in each]
        return {f"{each['repository']}@{each['digest']}": each["rule"] for each in locked}

    @property
    def resources(self) -> str:
        """The id of a resource group, below which things are deployed."""
        return f"/subscriptions/{self.state['arm']['subscriptions'][0]}/resourceGroups/demo"

    def deploy(self, body: Mapping[str, object]) -> None:
        """Write a resource to Azure Resource Manager, which raises its event."""
        self._control("PUT", "/arm/resources", body)

    def change_registry(self, **options: str) -> None:
        """Let the registry answer otherwise from now on."""
        self._control("PATCH", "/options", options)

    def run_function(self, name: str) -> None:
        """Have the Functions host run a function now."""
        self._control("POST", f"/functions/{name}/run")

    def mark(self) -> int:
        """Return a mark in the registry's record of requests."""
        return int(self._control("GET", "/requests")["mark"])

    def requests_since(self, mark: int) -> dict[str, int]:
        """Return how many requests of each kind the registry got since a mark, from anybody."""
        return dict(self._control("GET", f"/requests?since={mark}")["counts"])

    def command(self, module: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a module as an operator runs the app's commands, with more settings if wanted."""
        command = [sys.executable, "-m", module, *arguments]
        environment = {**own_environment(), **self._settings, **settings}
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)

    @cached_property
    def _settings(self) -> Mapping[str, str]:
        """The environment in which the app works on this cloud, as `python -m localcloud env` prints it."""
        command = [sys.executable, "-m", "localcloud", "env", "--state", str(self._state_file)]
        environment = {**own_environment(), **chosen_settings(self._rules)}
        ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
        exported = (shlex.split(line)[1].partition("=") for line in ran.stdout.splitlines())
        return {**{name: value for name, _, value in exported}, **chosen_settings(self._rules)}

    def published(self, event_type: str) -> list[dict[str, Any]]:
        """Return what the events of a type say that taglock published."""
        events = [each["event"] for each in self._control("GET", "/published")]
        return [each["data"] for each in events if each["type"] == event_type]

    def _control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control API; it listens on this machine only, over plain HTTP."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.state['control']['endpoint']}{path}", method=method, data=content, headers=headers)
        with open_directly(request, timeout=30) as response:
            return json.load(response)


@contextmanager
def running(folder: Path, *, rules: Path) -> Iterator[Cloud]:
    """Start a local cloud with the app in it, yield it, and end all that was started."""
    folder.mkdir(parents=True, exist_ok=True)
    state_file, log_file = folder / "state.json", folder / "localcloud.log"
    state_file.unlink(missing_ok=True)
    free_ports = ("--port", "0", "--functions-port", "0")
    command = [sys.executable, "-m", "localcloud", "up", *free_ports, "--state", str(state_file)]
    environment = {**own_environment(), **chosen_settings(rules)}
    with log_file.open("wb") as log:
        child = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Cloud(read_state(child, state_file, log_file), state_file=state_file, rules=rules)
    finally:
        end(child)


def chosen_settings(rules: Path | None) -> Mapping[str, str]:
    """Return the settings that the demonstration chooses itself."""
    return {"TAGLOCK_MODE": "enforce", **({} if rules is None else {"TAGLOCK_RULES": str(rules.resolve())})}


def own_environment() -> dict[str, str]:
    """Return the environment without what would set up the app or send it elsewhere: the cloud gives its own."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().startswith(FOREIGN) and name.lower() not in PROXIES
    }


def read_state(child: subprocess.Popen[bytes], state_file: Path, log_file: Path) -> dict[str, Any]:
    """Wait until the cloud has written its state file, which it does when everything is up."""
    deadline = monotonic() + READY_SECONDS
    while not state_file.is_file():
        if child.poll() is not None or monotonic() >= deadline:
            said = "\n".join(log_file.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise CloudFailed(f"the local cloud did not come up (exit code {child.returncode}); it said:\n{said}")
        sleep(PAUSE_SECONDS)
    found = json.loads(state_file.read_bytes())
    return dict(found)


def end(child: subprocess.Popen[bytes]) -> None:
    """Ask the cloud to end, and end its whole session by force when it does not."""
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
