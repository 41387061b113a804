"""The state file: where a running local cloud is and how to talk to it."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryState:
    """The registry and its admin user."""

    login_server: str
    endpoint: str
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysState:
    """The keys of the Functions host."""

    master: str
    default: str
    eventgrid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsState:
    """The Functions host."""

    endpoint: str
    keys: KeysState


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsState:
    """The custom topic for what the app publishes, the one for what pipelines tell the app, and where events can be
    put in as if Azure had raised them.
    """

    topic_endpoint: str
    pipeline_topic_endpoint: str
    publish_endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """Azure Resource Manager, and the ids of the subscriptions it had at the start."""

    endpoint: str
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityState:
    """The managed identity endpoint."""

    endpoint: str
    header: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """The control API."""

    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything a client needs; `functions` is None without a Functions host."""

    ca_file: str
    registry: RegistryState
    functions: FunctionsState | None
    events: EventsState
    arm: ArmState
    identity: IdentityState
    control: ControlState


def write_state(state: State, path: Path) -> None:
    """Write the state file whole and readable by its owner only, since it holds keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.touch(mode=0o600)
    half.write_text(json.dumps(asdict(state), indent=2) + "\n")
    half.replace(path)


def read_state(path: Path) -> State:
    """Read a state file; FileNotFoundError when nothing is running there."""
    tree: dict[str, Any] = json.loads(path.read_bytes())
    functions = tree["functions"]
    return State(
        ca_file=tree["ca_file"],
        registry=RegistryState(**tree["registry"]),
        functions=functions and FunctionsState(endpoint=functions["endpoint"], keys=KeysState(**functions["keys"])),
        events=EventsState(**tree["events"]),
        arm=ArmState(endpoint=tree["arm"]["endpoint"], subscriptions=tuple(tree["arm"]["subscriptions"])),
        identity=IdentityState(**tree["identity"]),
        control=ControlState(**tree["control"]),
    )


def registry_name(login_server: str) -> str:
    """Return the registry's resource name, with which the topic of its events ends."""
    host = login_server.partition(":")[0]
    return "local" if host in ("127.0.0.1", "localhost") else host.partition(".")[0]


def app_environment(state: State, *, ledger: Path) -> Mapping[str, str]:
    """Return the environment in which the app works against this local cloud."""
    return {
        "IDENTITY_ENDPOINT": state.identity.endpoint,
        "IDENTITY_HEADER": state.identity.header,
        "SSL_CERT_FILE": state.ca_file,
        "TAGLOCK_REGISTRIES": f"{registry_name(state.registry.login_server)}={state.registry.login_server}",
        "TAGLOCK_TOPIC_ENDPOINT": state.events.topic_endpoint,
        "TAGLOCK_ARM_ENDPOINT": state.arm.endpoint,
        "TAGLOCK_SUBSCRIPTIONS": ",".join(state.arm.subscriptions),
        "TAGLOCK_LEDGER": str(ledger),
        "TAGLOCK_MODE": os.environ.get("TAGLOCK_MODE") or "enforce",
        "TAGLOCK_AUDIT_SCHEDULE": os.environ.get("TAGLOCK_AUDIT_SCHEDULE") or "0 0 */6 * * *",
        "TAGLOCK_AUDIT_REPAIR": os.environ.get("TAGLOCK_AUDIT_REPAIR") or "none",
        # `SSL_CERT_FILE` is ignored by the requests library, which older clients use.
        "REQUESTS_CA_BUNDLE": state.ca_file,
    }


def exports(environment: Mapping[str, str]) -> str:
    """Return shell commands that set the environment."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
