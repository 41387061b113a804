"""An act of a person: what was asked for, by whom and why, and how far it has come."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target
from taglock.domain.row import RowKey


class ActKind(StrEnum):
    """What a person can do."""

    QUARANTINE = "quarantine"
    UNLOCK = "unlock"
    HOLD = "hold"
    RETIRE = "retire"
    ACCEPT = "accept"


class Phase(StrEnum):
    """How far an act has come; the phase is stored before the first update that belongs to it."""

    BEGINNING = "beginning"  # the intent is stored, updates may be under way or left for due work
    OPEN = "open"  # everything that it wants is proved
    ENDING = "ending"  # it is being undone: updates may be under way or left for due work
    ENDED = "ended"  # nothing of it is left on any target


class ActorKind(StrEnum):
    """How an actor is known."""

    PRINCIPAL = "principal"  # a user or service, signed in
    KEY = "key"  # whoever holds the function's key
    SYSTEM = "system"  # the app itself, such as the end of a grant


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something. Only a principal is a known person; a key may be in many hands."""

    kind: ActorKind
    id: str
    """The principal's object id, `function key` or `taglock`."""
    name: str = ""

    @property
    def known(self) -> bool:
        """Whether two acts of this actor are known to be of the same principal."""
        return self.kind is ActorKind.PRINCIPAL

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id


FUNCTION_KEY = Actor(kind=ActorKind.KEY, id="function key")
TAGLOCK = Actor(kind=ActorKind.SYSTEM, id="taglock")


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What an act is about at one place: an image, or a whole repository when neither tag nor digest is there."""

    registry: LoginServer
    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    @property
    def whole_repository(self) -> bool:
        """Whether it is the repository's own attributes that the act is about."""
        return self.tag is None and self.digest is None

    def __str__(self) -> str:
        tagged = f":{self.tag}" if self.tag is not None else ""
        pinned = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.registry}/{self.repository}{tagged}{pinned}"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act: its own row, read by its id; what it wants of each target is in the marks beside the proofs."""

    id: str
    kind: ActKind
    phase: Phase
    places: tuple[Place, ...]
    """What was asked for comes first; more than one only when the same digest elsewhere was included."""
    reason: str
    by: Actor
    created_at: datetime
    off: Off = NOTHING_OFF
    """What a quarantine, hold or acceptance wants off on tags (or on the repository)."""
    manifest_off: Off = NOTHING_OFF
    """What it wants off on manifests."""
    profile: str = ""
    """Of a hold, by name."""
    rule: str = ""
    """Of an acceptance: the rule that locks the new release."""
    ticket: str = ""
    review_by: datetime | None = None
    """When a quarantine is to be looked at again; it never ends by itself."""
    expires_at: datetime | None = None
    """When a grant ends by itself."""
    forced: bool = False
    ended_by: Actor | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    end_forced: bool = False
    first_finished_at: datetime | None = None
    """When everything that it wants was proved for the first time."""
    overdue_told: bool = False
    """Whether QUARANTINE_OVERDUE was raised."""

    @property
    def registry(self) -> LoginServer:
        """The registry of the place that was asked for."""
        return self.places[0].registry


class Outcome(StrEnum):
    """What became of one target."""

    WAITING = "waiting"  # not reached yet; due work goes on
    APPLIED = "applied"  # proved by the registry's answer
    ALREADY = "already"  # it was so before
    GONE = "gone"  # the target is not there any more
    FAILED = "failed"  # refused for good, see the message
    KEPT = "kept"  # left as it is because something else wants it, see the message
    RESTORED = "restored"  # as it was before, apart from what is wanted now
    MOVED = "moved"  # a tag that left for another digest, and was restored then
    LEFT = "left"  # not locked again: it was replaced while unlocked, and nothing else wants it


class ActTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One target of an act: what it was before, and what became of it. A row of the act's own partition."""

    target: Target
    prior: Off
    """Off before this act's first update, as the registry showed it."""
    want: Off = NOTHING_OFF
    """What this act wants off on it (nothing for a grant)."""
    on: Off = NOTHING_OFF
    """What a loosening act turns on."""
    root: bool = False
    """Whether it is what was asked for, or a tag of that: updated first, restored last."""
    depth: int = 0
    """How far below the root at most: unlocking goes down, locking again goes up."""
    digest: Digest | None = None
    """Where a tag pointed."""
    media_type: str = ""
    outcome: Outcome = Outcome.WAITING
    message: str = ""


ACTS = "acts"
END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
"""Ranges are read upwards only, so what is listed newest first is ordered by what is left of time."""


def act_key(act_id: str) -> RowKey:
    """Return where an act is kept; one partition, as an id is all that a request names."""
    return RowKey(ACTS, f"act/{act_id}")


def act_targets_partition(act_id: str) -> str:
    """Return the partition of an act's targets."""
    return f"act/{act_id}"


def act_target_key(act_id: str, target: Target) -> RowKey:
    """Return where one target of an act is kept."""
    return RowKey(act_targets_partition(act_id), f"{target.registry}/{target.repository}/{target.kind}/{target.name}")


def listed_key(act: Act) -> RowKey:
    """Return where an act is listed, by kind and newest first; the row holds the id alone."""
    age = (END_OF_TIME - act.created_at) // timedelta(microseconds=1)
    return RowKey(ACTS, f"{act.kind}/{age:018d}/{act.id}")


class ListedAct(msgspec.Struct, frozen=True, kw_only=True):
    """That there is an act: its own row tells the rest."""

    id: str


def reached(targets: Sequence[ActTarget]) -> bool:
    """Tell whether nothing of an act is left to be done."""
    return all(target.outcome is not Outcome.WAITING for target in targets)
