"""What the ledger and the outside are told about an attempt: pure, so that every line of it can be tested by value."""

from collections.abc import Sequence
from copy import replace
from datetime import datetime, timedelta

import msgspec

from taglock.domain.event import CLOCK_TOLERANCE, ImagePushed
from taglock.domain.ledger import (
    DueWork,
    Finding,
    FindingKind,
    JournalEntry,
    ProvenManifest,
    Release,
    Severity,
    derived_id,
    due_key,
    finding_key,
    journal_key,
    manifest_key,
    outbox_key,
    release_key,
    stored,
)
from taglock.domain.outbound import OutboundEvent
from taglock.domain.outcome import Locking, Relation
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, tag_target
from taglock.domain.row import Change, Delete, Insert, Replace, Upsert
from taglock.domain.rule import Mode

MAXIMUM_PROBLEMS = 20
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger held about a push before the first request to the registry."""

    release: Release | None = None
    release_version: str | None = None
    """The version that a new release row replaces."""
    due: DueWork | None = None
    open_findings: tuple[Finding, ...] = ()


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to lock a pushed image."""

    push: ImagePushed
    plan: LockPlan
    relation: Relation
    locking: Locking
    known: Known
    trigger: str
    now: datetime

    @property
    def mode(self) -> Mode:
        """The mode that the plan was applied in."""
        return self.plan.mode

    @property
    def digest_now(self) -> Digest | None:
        """Where the tag points now, else the digest that was pushed."""
        return self.locking.tag.digest if self.locking.tag is not None else self.push.digest


# -- rows ---------------------------------------------------------------------------------------------------------


def proofs(attempt: Attempt) -> Sequence[Change]:
    """Return the rows that say which manifests are proved; they let a later attempt go on where this one ended."""
    push, plan = attempt.push, attempt.plan
    return [
        Upsert(
            manifest_key(push.registry, push.repository, digest),
            stored(
                ProvenManifest(
                    digest=digest,
                    media_type=media_type,
                    off=plan.manifest_off,
                    rule=plan.rule,
                    mode=plan.mode,
                    proven_at=attempt.now,
                )
            ),
        )
        for digest, media_type in (*attempt.locking.applied, *attempt.locking.already)
    ]


def release_row(attempt: Attempt) -> Sequence[Change]:
    """Return the release's row over the version that was read.

    None for a push without tag; a moved release keeps the digest it was locked with.
    """
    push, plan, tag = attempt.push, attempt.plan, attempt.locking.tag
    if push.tag is None or tag is None or attempt.relation is Relation.MOVED:
        return []
    moved = tag.digest != push.digest and push.digest is not None
    pushed_at = max(push.occurred_at, tag.updated_at) if moved else push.occurred_at
    release = Release(
        registry=push.registry,
        repository=push.repository,
        tag=push.tag,
        digest=tag.digest,
        rule=plan.rule,
        mode=plan.mode,
        tag_off=plan.tag_off,
        manifest_off=plan.manifest_off,
        manifests=attempt.locking.manifests,
        event_id=push.event_id,
        pushed_at=min(pushed_at, attempt.now + CLOCK_TOLERANCE),
        locked_at=attempt.now,
    )
    key, body = release_key(push.registry, push.repository, push.tag), stored(release)
    version = attempt.known.release_version
    return [Insert(key, body) if version is None else Replace(key, body, version)]


def journal_row(attempt: Attempt, outcome: str) -> Change:
    """Return the journal entry of an attempt."""
    locking = attempt.locking
    entry = JournalEntry(
        at=attempt.now,
        trigger=attempt.trigger,
        event_id=attempt.push.event_id,
        image=attempt.push.image,
        decision="protect",
        outcome=outcome,
        rule=attempt.plan.rule,
        mode=attempt.mode,
        applied=len(locking.applied),
        already=len(locking.already) + locking.recalled,
        failed=len(locking.failures),
        problems=problems(locking),
    )
    return Upsert(journal_key(entry, registry=attempt.push.registry), stored(entry))


def problems(locking: Locking) -> tuple[str, ...]:
    """Return why an attempt is not complete, one sentence for each reason, at most twenty."""
    sentences = [f"{failure.target}: {failure.message}" for failure in locking.failures]
    sentences += [f"{digest}: an index whose children nobody named" for digest in locking.unknown]
    if locking.exceeded:
        sentences.append("the closure has more manifests than TAGLOCK_MAX_CLOSURE allows")
    return tuple(sentences[:MAXIMUM_PROBLEMS])


# -- findings -----------------------------------------------------------------------------------------------------


def findings(attempt: Attempt, *, failed: bool) -> Sequence[Finding]:
    """Return what an operator must hear about after an attempt."""
    found = []
    locking, push = attempt.locking, attempt.push
    expected = (
        attempt.known.release.digest if attempt.relation is Relation.MOVED and attempt.known.release else push.digest
    )
    if push.tag is not None and locking.tag is not None and expected not in (None, locking.tag.digest):
        subject = str(tag_target(push.registry, push.repository, push.tag))
        found.append(_finding(attempt, FindingKind.TAG_MOVED, subject, str(expected), str(locking.tag.digest)))
    if locking.unknown:
        observed = "no children named and the content cannot be read"
        found.append(_finding(attempt, FindingKind.CLOSURE_UNKNOWN, push.image, "every child locked", observed))
    if failed:
        observed = "; ".join(problems(locking)) or "not finished in time"
        found.append(_finding(attempt, FindingKind.LOCK_FAILED, push.image, "tag and closure locked", observed))
    return found


def _finding(attempt: Attempt, kind: FindingKind, subject: str, expected: str, observed: str) -> Finding:
    known = next((f for f in attempt.known.open_findings if f.kind is kind and f.subject == subject), None)
    return Finding(
        kind=kind,
        severity=Severity.WARNING if attempt.mode is Mode.REPORT else Severity.CRITICAL,
        registry=attempt.push.registry,
        subject=subject,
        expected=expected,
        observed=observed,
        first_seen=known.first_seen if known else attempt.now,
        last_seen=attempt.now,
        rule=attempt.plan.rule,
    )


def finding_rows(found: Sequence[Finding]) -> Sequence[Change]:
    """Return the rows of findings."""
    return [Upsert(finding_key(f.kind, f.registry, f.subject), stored(f)) for f in found]


def closed(known: Known, *, now: datetime) -> Sequence[Finding]:
    """Return the findings that a completed lock ends; a moved tag stays a finding until a person accepts it."""
    return [
        replace(finding, closed_at=now)
        for finding in known.open_findings
        if finding.kind in (FindingKind.LOCK_FAILED, FindingKind.CLOSURE_UNKNOWN)
    ]


# -- due work -----------------------------------------------------------------------------------------------------


def next_due(attempt: Attempt) -> DueWork | None:
    """Return when to go on: the pause doubles unless work went on; None when 24 hours have passed without success."""
    known, progress, now = attempt.known.due, attempt.locking.progress, attempt.now
    created_at = known.created_at if known else now
    if now - created_at >= GIVE_UP_AFTER and not progress:
        return None
    attempts = 0 if progress or known is None else known.attempts + 1
    pause = timedelta(0) if progress else min(FIRST_PAUSE * 2 ** min(attempts, 10), LONGEST_PAUSE)
    asked = max((failure.retry_after or 0 for failure in attempt.locking.failures), default=0)
    due_at = now + max(pause, min(timedelta(seconds=asked), LONGEST_PAUSE))
    reason = next(iter(problems(attempt.locking)), "more manifests than one invocation takes")
    return DueWork(push=attempt.push, created_at=created_at, due_at=due_at, attempts=attempts, reason=reason)


def due_rows(due: DueWork) -> Sequence[Change]:
    """Return the row of due work."""
    return [Upsert(due_key(due.push), stored(due))]


def due_ended(push: ImagePushed, known: DueWork | None) -> Sequence[Change]:
    """Return the change that ends due work, if there was any."""
    return [Delete(due_key(push))] if known else []


# -- outbound events ----------------------------------------------------------------------------------------------


def locked_event(attempt: Attempt) -> OutboundEvent:
    """Return `Taglock.ImageLocked`: what is locked, by which rule, and how long after the push."""
    push, plan = attempt.push, attempt.plan
    body: dict[str, object] = {
        "registry": push.registry,
        "repository": push.repository,
        "tag": push.tag,
        "digest": attempt.digest_now,
        "rule": plan.rule,
        "manifests": attempt.locking.manifests,
        "tagAttributesOff": sorted(plan.tag_off),
        "manifestAttributesOff": sorted(plan.manifest_off),
        "pushEventId": push.event_id,
        "secondsAfterPush": round((attempt.now - push.occurred_at).total_seconds(), 3),
    }
    return _outbound("Taglock.ImageLocked", push, body, now=attempt.now)


def finding_event(found: Finding, push: ImagePushed) -> OutboundEvent | None:
    """Return `Taglock.TagMoved` or `Taglock.LockFailed` for a finding."""
    kinds = {
        FindingKind.TAG_MOVED: "Taglock.TagMoved",
        FindingKind.LOCK_FAILED: "Taglock.LockFailed",
        FindingKind.CLOSURE_UNKNOWN: "Taglock.LockFailed",
    }
    body: dict[str, object] = {
        "registry": push.registry,
        "repository": push.repository,
        "tag": push.tag,
        "digest": push.digest,
        "rule": found.rule,
        "finding": found.kind,
        "expected": found.expected,
        "observed": found.observed,
        "pushEventId": push.event_id,
    }
    return _outbound(kinds[found.kind], push, body, now=found.first_seen) if found.kind in kinds else None


def _outbound(event_type: str, push: ImagePushed, body: dict[str, object], *, now: datetime) -> OutboundEvent:
    return OutboundEvent(
        id=derived_id(event_type, str(body.get("finding", "")), push.event_id, push.image),
        type=event_type,
        source=f"/registries/{push.registry}",
        subject=push.image,
        time=now,
        body=body,
    )


def outbox_rows(events: Sequence[OutboundEvent]) -> Sequence[Change]:
    """Return the rows in which events wait for the topic."""
    return [Upsert(outbox_key(event), stored(event)) for event in events]
