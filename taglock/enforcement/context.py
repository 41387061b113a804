"""What every trigger works with: the ports and the few limits, bundled once by the composition root."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from taglock.domain.reference import LoginServer
from taglock.domain.rule import Mode
from taglock.ports import Arm, Clock, Publisher, Registries, RowStore, RuleSource
from taglock.signals import SILENT, Signals


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one invocation may do."""

    event_seconds: float = 20.0
    """Event Grid waits 30 s for an answer; locking ends here, which leaves time to record and to hand over."""
    event_manifests: int = 64
    due_seconds: float = 25.0
    """One timer tick; the next follows within half a minute and goes on."""
    due_parallel: int = 8
    """Pieces of due work under way at once, for each registry."""
    parallel_requests: int = 32
    """Requests under way at once for one image."""
    closure: int = 10_000
    """Manifests of one closure; more is a finding (TAGLOCK_MAX_CLOSURE)."""


class ActPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What acts of people are bound to."""

    two_person_lift: bool = False
    """Whether another principal than the one who quarantined must lift (TAGLOCK_TWO_PERSON_LIFT)."""
    longest_grant: timedelta = timedelta(hours=8)
    """From the first unlock to the last extension's end (TAGLOCK_MAX_GRANT)."""
    bulk: int = 200
    """Releases that one retirement in bulk may take (TAGLOCK_MAX_ACTIONS)."""


class Enforcement(msgspec.Struct, frozen=True, kw_only=True):
    """The ports and limits that locking needs."""

    known_registries: Mapping[str, LoginServer]
    """The allow-list: resource name in lower case -> login server."""
    registries: Registries
    rules: RuleSource
    rows: RowStore
    publisher: Publisher | None
    """None when no outbound topic is configured."""
    clock: Clock
    mode: Mode
    limits: Limits = Limits()
    acts: ActPolicy = ActPolicy()
    arm: Arm | None = None
    """Azure Resource Manager; None where only registries are asked."""
    subscriptions: tuple[str, ...] = ()
    """The subscriptions whose workloads can be listed (TAGLOCK_SUBSCRIPTIONS)."""
    default_registry: LoginServer | None = None
    """The registry of an artifact whose event names none (TAGLOCK_DEFAULT_REGISTRY)."""
    signals: Signals = SILENT
    """Who hears of spans and measures (TAGLOCK_TELEMETRY)."""
