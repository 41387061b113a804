"""What the ledger remembers: row types, their keys and their stored form (versioned JSON)."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import msgspec

from taglock.domain.acts.act import Act, ActTarget, ListedAct
from taglock.domain.acts.marks import Marks
from taglock.domain.attributes import Off
from taglock.domain.audit.rows import AuditRow
from taglock.domain.deployment import Coverage, Deployment, ResourceChanged, Workload
from taglock.domain.event import ImagePushed
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import Digest, LoginServer, Repository, Tag
from taglock.domain.row import RowKey
from taglock.domain.rule import Mode
from taglock.domain.subject import ImageRuns, Subject
from taglock.errors import UnreadableRow

FORMAT = 1
_NAMESPACE = UUID("6d1f3f0e-6b0a-5b0e-9a7e-2f6f4f0c7a11")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that a rule protects, with the digest it had when it was locked."""

    registry: LoginServer
    repository: Repository
    tag: Tag
    digest: Digest
    rule: str
    mode: Mode
    tag_off: Off
    manifest_off: Off
    manifests: int
    """How many manifests its closure had."""
    event_id: str
    pushed_at: datetime
    locked_at: datetime


class ProvenManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that the registry showed with these attributes off; in report mode: would have."""

    digest: Digest
    media_type: str
    off: Off
    rule: str
    mode: Mode
    proven_at: datetime


class ProvenRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository whose own attributes the registry showed off; in report mode: would have."""

    off: Off
    rule: str
    mode: Mode
    proven_at: datetime


class Purpose(StrEnum):
    """Why an act is looked at again."""

    GO_ON = "go-on"  # its updates are unfinished, or somebody undid one: all of them are made again
    LOOK = "look"  # everything is proved, and a time has to be kept: the review of a quarantine, the end of a grant


class ActDue(msgspec.Struct, frozen=True, kw_only=True, tag="act"):
    """An act that is not at its end: its begin or end is unfinished, or it ends by itself later."""

    act: str
    registry: LoginServer
    purpose: Purpose = Purpose.GO_ON


class DueWork(msgspec.Struct, frozen=True, kw_only=True):
    """A lock, an act, or the reading of a resource, that could not be finished yet and when to go on with it."""

    subject: Subject | ResourceChanged | ActDue
    created_at: datetime
    due_at: datetime
    attempts: int
    """Attempts in a row without progress."""
    reason: str


class FindingKind(StrEnum):
    """What is not as it should be."""

    BASELINE_MISSING = "BASELINE_MISSING"
    CLOSURE_INCOMPLETE = "CLOSURE_INCOMPLETE"
    CLOSURE_UNKNOWN = "CLOSURE_UNKNOWN"
    COVERAGE_GAP = "COVERAGE_GAP"
    EVENT_MISSED = "EVENT_MISSED"
    DEPLOYMENT_AMBIGUOUS = "DEPLOYMENT_AMBIGUOUS"
    GRANT_OVERDUE = "GRANT_OVERDUE"
    LOCK_FAILED = "LOCK_FAILED"
    LOOSENED = "LOOSENED"
    ORPHAN_LOCK = "ORPHAN_LOCK"
    PARTLY_LOCKED = "PARTLY_LOCKED"
    QUARANTINE_BROKEN = "QUARANTINE_BROKEN"
    QUARANTINE_OVERDUE = "QUARANTINE_OVERDUE"
    RELEASE_MISSING = "RELEASE_MISSING"
    REPAIR_REFUSED = "REPAIR_REFUSED"
    TAG_MOVED = "TAG_MOVED"
    UNLOCKED = "UNLOCKED"
    UNKNOWN_REGISTRY = "UNKNOWN_REGISTRY"


class Severity(StrEnum):
    """How much a finding matters."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATION = "information"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator must hear about; one row per kind and subject, closed when it no longer holds."""

    kind: FindingKind
    severity: Severity
    registry: str
    subject: str
    """The target or image that it is about, as text."""
    expected: str
    observed: str
    first_seen: datetime
    last_seen: datetime
    rule: str = ""
    closed_at: datetime | None = None


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision and its outcome: named fields only, never a raw event."""

    at: datetime
    trigger: str
    event_id: str
    image: str
    decision: str
    outcome: str
    rule: str = ""
    mode: str = ""
    applied: int = 0
    already: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()
    actor: str = ""
    """Who acted; '' for an automatic trigger."""
    reason: str = ""
    """What the actor gave as reason."""


ActRow = Act | ActTarget | ListedAct | Marks

Stored = (
    (
        Release
        | ProvenManifest
        | ProvenRepository
        | DueWork
        | Finding
        | OutboundEvent
        | JournalEntry
        | Workload
        | Deployment
        | Coverage
    )
    | AuditRow
    | ActRow
)


class _Versioned[T](msgspec.Struct):
    format: int
    row: T


class _Version(msgspec.Struct):
    format: int


_encoder = msgspec.json.Encoder(order="deterministic")
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_version = msgspec.json.Decoder(_Version)


def _decoder(kind: type) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a row type, made when it is first needed: five milliseconds of a cold start otherwise."""
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(_Versioned[kind])  # type: ignore[valid-type]  # known only at run time
    return _decoders[kind]


def stored(row: Stored) -> bytes:
    """Return a row in its stored form."""
    return _encoder.encode(_Versioned(FORMAT, row))


def restored[T: Stored](kind: type[T], body: bytes) -> T:
    """Return a row from its stored form; raise UnreadableRow when it is damaged or of a newer version."""
    try:
        version = _version.decode(body).format
        if version > FORMAT:
            raise UnreadableRow(
                f"a {kind.__name__} row has format {version}, expected at most {FORMAT}: newer version?"
            )
        row = _decoder(kind).decode(body).row
    except msgspec.MsgspecError as error:
        raise UnreadableRow(f"a {kind.__name__} row cannot be read: {error}") from None
    assert isinstance(row, kind)  # the decoder was built for this type
    return row


def image_partition(registry: LoginServer, repository: Repository) -> str:
    """Return the partition of a repository's releases and proven manifests."""
    return f"image/{registry}/{repository}"


def release_key(registry: LoginServer, repository: Repository, tag: Tag) -> RowKey:
    """Return where a release is kept."""
    return RowKey(image_partition(registry, repository), f"release/{tag}")


def manifest_key(registry: LoginServer, repository: Repository, digest: Digest) -> RowKey:
    """Return where the proof of a manifest is kept."""
    return RowKey(image_partition(registry, repository), f"manifest/{digest}")


def repository_key(registry: LoginServer, repository: Repository) -> RowKey:
    """Return where the proof of a repository's own attributes is kept."""
    return RowKey(image_partition(registry, repository), "repository")


def due_partition(registry: LoginServer) -> str:
    """Return the partition of a registry's due work; apart per registry, so that one never delays another."""
    return f"due/{registry}"


DUE_RESOURCES = "due/-"
"""The partition of resources that are still to be read; no login server starts with a hyphen."""


def due_key(subject: Subject | ResourceChanged | ActDue) -> RowKey:
    """Return where the due work of a subject is kept: one row however often its event is delivered."""
    match subject:
        case ImagePushed():
            image = f"{subject.repository}:{subject.tag or ''}@{subject.digest or ''}"
            return RowKey(due_partition(subject.registry), _fitting(image))
        case ImageRuns():
            image = f"{subject.repository}:{subject.tag or ''}@{subject.named_digest or ''}"
            return RowKey(due_partition(subject.registry), f"{_fitting(image)}/{workload_id(subject.workload)}")
        case ResourceChanged():
            return RowKey(DUE_RESOURCES, workload_id(str(subject.resource)))
        case ActDue():
            return RowKey(due_partition(subject.registry), f"act/{subject.act}")


def workload_id(workload: str) -> str:
    """Return what stands for a workload in keys: a resource id is longer than a key may be."""
    return derived_id("workload", workload)


def finding_key(kind: FindingKind, registry: str, subject: str) -> RowKey:
    """Return where a finding is kept: one row per kind and subject."""
    return RowKey(f"finding/{registry}", f"{kind}/{_fitting(subject)}")


def _fitting(text: str) -> str:
    """Return a text that fits into a key: itself, or what stands for it when it is long or not plain."""
    spelled = sum(
        1 if (character.isalnum() and character.isascii()) or character in "@:/._-" else 7 for character in text
    )
    return text if spelled <= MAXIMUM_SPELLED else derived_id("text", text)


MAXIMUM_SPELLED = 440
"""A key takes 512 characters when spelled (ledger_keys), with its kind in front."""

OUTBOX = "outbox"


def outbox_key(entry: OutboundEvent) -> RowKey:
    """Return where an outbound event waits, oldest first."""
    return RowKey(OUTBOX, f"{entry.time:%Y-%m-%dT%H:%M:%S.%f}/{entry.id}")


def journal_key(entry: JournalEntry, *, registry: str) -> RowKey:
    """Return where a journal entry is kept: a partition per registry and day, in time order."""
    unique = derived_id(entry.event_id, entry.image, entry.decision, f"{entry.at.isoformat()}")
    return RowKey(f"journal/{registry}/{entry.at:%Y-%m-%d}", f"{entry.at:%H:%M:%S.%f}/{unique}")


def derived_id(*parts: str) -> str:
    """Return an id that is the same for the same parts, so that a repeated event is recognisable."""
    return str(uuid5(_NAMESPACE, "\n".join(parts)))
