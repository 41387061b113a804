"""What is known of every registry at one moment: the last finished audit, the one under way, what is open now."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from taglock.domain.audit.rows import Phase
from taglock.domain.audit_report import PastAudit
from taglock.domain.reference import LoginServer
from taglock.domain.rule import Mode


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """An audit that has begun and not ended."""

    audit_id: str
    phase: Phase
    started_at: datetime
    updated_at: datetime
    """When it last stored how far it came."""
    tags: int
    """Looked at so far."""


class KnownRegistry(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows of one registry of the allow-list."""

    registry: LoginServer
    last: PastAudit | None = None
    """None when no audit of it has finished."""
    under_way: UnderWay | None = None
    open_findings: Mapping[str, int] = {}
    """By severity, as of now: those that events found or closed since the last audit count too."""
    problem: str = ""
    """Why the ledger could not be read; '' when it could."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All registries of the allow-list, in the order of their names."""

    at: datetime
    mode: Mode
    registries: tuple[KnownRegistry, ...]
