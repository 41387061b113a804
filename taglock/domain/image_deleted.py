"""A manifest was deleted: the event, and what follows when the ledger knows that manifest."""

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime

import msgspec

from taglock.domain.announcement import outbox_rows
from taglock.domain.audit.differences import moment_text
from taglock.domain.envelope import as_object, optional_text
from taglock.domain.event import NotForUs, RegistryEvent, UnknownRegistry, registry_event
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    JournalEntry,
    ProvenManifest,
    Severity,
    derived_id,
    finding_key,
    journal_key,
    stored,
)
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import Digest, LoginServer, Repository, digest, manifest_target, repository
from taglock.domain.row import Change, Upsert
from taglock.domain.rule import Mode
from taglock.errors import InvalidEvent, InvalidReference

IMAGE_DELETED = "Microsoft.ContainerRegistry.ImageDeleted"


class ImageDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest was deleted; without a digest, a whole repository."""

    registry: LoginServer
    repository: Repository
    digest: Digest | None
    event_id: str
    occurred_at: datetime

    @property
    def image(self) -> str:
        """What was deleted as text."""
        return f"{self.registry}/{self.repository}{f'@{self.digest}' if self.digest else ''}"


def parse_deleted(
    text: str, *, registries: Mapping[str, LoginServer], now: datetime
) -> ImageDeleted | NotForUs | UnknownRegistry:
    """Parse one delete event; raise InvalidEvent with the path of what is wrong."""
    event = registry_event(text, IMAGE_DELETED, registries=registries, now=now)
    if not isinstance(event, RegistryEvent):
        return event
    path = "$.data.target"
    target = as_object(event.content.get("target"), path)
    digest_text = optional_text(target, "digest", path)
    try:
        return ImageDeleted(
            registry=event.registry,
            repository=repository(target.get("repository"), f"{path}.repository"),
            digest=None if digest_text is None else digest(digest_text, f"{path}.digest"),
            event_id=event.event_id,
            occurred_at=event.occurred_at,
        )
    except InvalidReference as error:
        raise InvalidEvent(*error.problems) from None


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger is told of a proved manifest that was deleted, and the event that goes out."""

    changes: Sequence[Change]
    event: OutboundEvent


def loss_of(deleted: ImageDeleted, proof: ProvenManifest, *, known: Finding | None, now: datetime) -> Loss:
    """Return what follows from the deletion of a manifest that was locked, or in report mode would have been.

    The finding is the one that an audit would record, so an audit closes it when the manifest is there again.
    """
    subject = str(manifest_target(deleted.registry, deleted.repository, proof.digest))
    finding = Finding(
        kind=FindingKind.RELEASE_MISSING,
        severity=Severity.WARNING if proof.mode is Mode.REPORT else Severity.CRITICAL,
        registry=deleted.registry,
        subject=subject,
        expected=f"there, locked since {moment_text(proof.proven_at)}",
        observed=f"deleted {moment_text(deleted.occurred_at)}",
        first_seen=now,
        last_seen=now,
        rule=proof.rule,
    )
    if known is not None:
        finding = replace(finding, first_seen=known.first_seen)
    event = _event(deleted, finding, proof)
    journal = JournalEntry(
        at=now,
        trigger="image_deleted",
        event_id=deleted.event_id,
        image=subject,
        decision="watch",
        outcome="missing",
        rule=proof.rule,
        mode=proof.mode,
    )
    changes = [
        Upsert(journal_key(journal, registry=deleted.registry), stored(journal)),
        Upsert(finding_key(finding.kind, finding.registry, subject), stored(finding)),
        *outbox_rows([event]),
    ]
    return Loss(changes=changes, event=event)


def _event(deleted: ImageDeleted, finding: Finding, proof: ProvenManifest) -> OutboundEvent:
    body: dict[str, object] = {
        "registry": deleted.registry,
        "repository": deleted.repository,
        "digest": proof.digest,
        "rule": proof.rule,
        "lockedAt": proof.proven_at.isoformat(),
        "deletedAt": deleted.occurred_at.isoformat(),
        "mode": proof.mode,
        "deleteEventId": deleted.event_id,
    }
    return OutboundEvent(
        id=derived_id("Taglock.ReleaseDeleted", deleted.event_id, proof.digest),
        type="Taglock.ReleaseDeleted",
        source=f"/registries/{deleted.registry}",
        subject=finding.subject,
        time=finding.last_seen,
        body=body,
    )
