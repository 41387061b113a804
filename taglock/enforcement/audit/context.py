"""What an audit works with beside the ports that locking needs."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from taglock.domain.reference import LoginServer
from taglock.domain.rule import Mode
from taglock.enforcement.context import Enforcement
from taglock.ports import Listing, Registries


class AuditLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one invocation does; times in seconds."""

    invocation_seconds: float = 240.0
    """No repository is begun later; the host ends an invocation after ten minutes."""
    closing_seconds: float = 180.0
    """How much longer those under way may take."""
    parallel_repositories: int = 4
    """Twice as many need half as much memory again and are hardly faster: one core decodes."""
    checkpoint_seconds: float = 5.0
    """How much reading a killed invocation repeats at most."""
    stale_seconds: float = 900.0
    """An audit that nobody went on with for so long is taken up again by the next timer."""


class Auditing(msgspec.Struct, frozen=True, kw_only=True):
    """The ports of audits, bundled once by the composition root."""

    app: Enforcement
    listings: Callable[[LoginServer], Listing]
    """The listings of a registry of the allow-list."""
    background: Registries
    """A registry whose calls wait for those of events."""
    repair: bool = False
    """TAGLOCK_AUDIT_REPAIR is `locks`."""
    grace: timedelta = timedelta(minutes=15)
    max_actions: int = 200
    limits: AuditLimits = AuditLimits()

    @property
    def repairs(self) -> bool:
        """Whether a complete plan is carried out; in report mode it is only listed."""
        return self.repair and self.app.mode is Mode.ENFORCE
