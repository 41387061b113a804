"""What the outside is told about an attempt: events for the outbound topic, by way of the outbox."""

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime
from types import MappingProxyType

from taglock.domain.attempt import Attempt
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import Finding, FindingKind, derived_id, outbox_key, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, Upsert
from taglock.domain.subject import ImageRuns, Subject


def locked_event(attempt: Attempt) -> OutboundEvent:
    """Return `Taglock.ImageLocked`: what is locked, by which rule, and how long after the push or deployment."""
    subject, plan = attempt.subject, attempt.plan
    body: dict[str, object] = {
        "registry": subject.registry,
        "repository": subject.repository,
        "tag": subject.tag,
        "digest": attempt.digest_now,
        "rule": plan.rule,
        "manifests": attempt.locking.manifests,
        "tagAttributesOff": sorted(plan.tag_off),
        "manifestAttributesOff": sorted(plan.manifest_off),
        **_cause(subject),
        "secondsAfter" + _KIND[type(subject)]: round((attempt.now - subject.occurred_at).total_seconds(), 3),
    }
    return _outbound("Taglock.ImageLocked", subject, body, now=attempt.now)


def finding_event(found: Finding, subject: Subject) -> OutboundEvent | None:
    """Return `Taglock.TagMoved` or `Taglock.LockFailed` for a finding."""
    kinds = {
        FindingKind.TAG_MOVED: "Taglock.TagMoved",
        FindingKind.LOCK_FAILED: "Taglock.LockFailed",
        FindingKind.CLOSURE_UNKNOWN: "Taglock.LockFailed",
    }
    body: dict[str, object] = {
        "registry": subject.registry,
        "repository": subject.repository,
        "tag": subject.tag,
        "digest": subject.digest,
        "rule": found.rule,
        "finding": found.kind,
        "expected": found.expected,
        "observed": found.observed,
        **_cause(subject),
    }
    return _outbound(kinds[found.kind], subject, body, now=found.first_seen) if found.kind in kinds else None


def quarantined_running_event(runs: ImageRuns, act: str, *, now: datetime) -> OutboundEvent:
    """Return `Taglock.QuarantinedImageDeployed`: the same for the same workload, digest and quarantine."""
    event_type = "Taglock.QuarantinedImageDeployed"
    body: dict[str, object] = {
        "registry": runs.registry,
        "repository": runs.repository,
        "tag": runs.tag,
        "digest": runs.digest,
        "act": act,
        **_cause(runs),
    }
    event = _outbound(event_type, runs, body, now=now)
    return replace(event, id=derived_id(event_type, runs.workload, str(runs.digest), act))


_KIND: Mapping[type[Subject], str] = MappingProxyType({ImagePushed: "Push", ImageRuns: "Deployment"})


def _cause(subject: Subject) -> dict[str, object]:
    if isinstance(subject, ImageRuns):
        about = {"workload": subject.workload, "environment": subject.environment}
        return {"deploymentEventId": subject.event_id, **about}
    return {"pushEventId": subject.event_id}


def _outbound(event_type: str, subject: Subject, body: dict[str, object], *, now: datetime) -> OutboundEvent:
    return OutboundEvent(
        id=derived_id(event_type, str(body.get("finding", "")), subject.event_id, subject.image),
        type=event_type,
        source=f"/registries/{subject.registry}",
        subject=subject.image,
        time=now,
        body=body,
    )


def outbox_rows(events: Sequence[OutboundEvent]) -> Sequence[Change]:
    """Return the rows in which events wait for the topic."""
    return [Upsert(outbox_key(event), stored(event)) for event in events]
