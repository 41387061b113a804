"""What the ledger is told about an attempt: pure, so that every line of it can be tested by value."""

from collections.abc import Sequence
from copy import replace
from datetime import datetime

from taglock.domain.attempt import Attempt, problems
from taglock.domain.audit.rows import IndexChildren, children_key
from taglock.domain.envelope import CLOCK_TOLERANCE
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    JournalEntry,
    ProvenManifest,
    Release,
    Severity,
    finding_key,
    journal_key,
    manifest_key,
    release_key,
    stored,
)
from taglock.domain.outcome import Relation
from taglock.domain.reference import Digest, LoginServer, Repository, tag_target
from taglock.domain.row import Change, Insert, Replace, Upsert
from taglock.domain.rule import Mode
from taglock.domain.subject import ImageRuns, Subject

# -- rows ---------------------------------------------------------------------------------------------------------


def proofs(attempt: Attempt) -> Sequence[Change]:
    """Return the rows that say which manifests are proved; they let a later attempt go on where this one ended."""
    subject, plan = attempt.subject, attempt.plan
    return [
        Upsert(
            manifest_key(subject.registry, subject.repository, digest),
            stored(
                ProvenManifest(
                    digest=digest,
                    media_type=media_type,
                    off=plan.manifest_off,
                    rule=plan.referrers_rule or plan.rule,
                    mode=plan.mode,
                    proven_at=attempt.now,
                )
            ),
        )
        for digest, media_type in (*attempt.locking.applied, *attempt.locking.already)
    ]


MOST_CHILDREN_BYTES = 600_000
"""What the rows of children may take in one write; an audit reads the indexes that are left out."""


def children_rows(attempt: Attempt) -> Sequence[Change]:
    """Return the rows that say what indexes name, so that nobody has to read these again."""
    subject, left = attempt.subject, MOST_CHILDREN_BYTES
    rows: list[Change] = []
    for index, children in attempt.locking.children:
        row = children_row(subject.registry, subject.repository, index, children)
        if len(row.body) <= left:
            left -= len(row.body)
            rows.append(row)
    return rows


def children_row(registry: LoginServer, repository: Repository, index: Digest, children: tuple[Digest, ...]) -> Upsert:
    """Return the row that keeps what an index names."""
    return Upsert(children_key(registry, repository, index), stored(IndexChildren(children=children)))


def release_row(attempt: Attempt) -> Sequence[Change]:
    """Return the release's row over the version that was read.

    None when no tag was locked; a moved release keeps the digest it was locked with, and report mode what was proved.
    """
    subject, plan, tag = attempt.subject, attempt.plan, attempt.locking.tag
    if subject.tag is None or tag is None or attempt.relation is Relation.MOVED or _would_hide_a_proof(attempt):
        return []
    moved = tag.digest != subject.digest and subject.digest is not None
    pushed_at = subject.occurred_at
    if isinstance(subject, ImageRuns):
        pushed_at = tag.updated_at  # a deployment says nothing of when the tag was pushed
    elif moved:
        pushed_at = max(subject.occurred_at, tag.updated_at)
    release = Release(
        registry=subject.registry,
        repository=subject.repository,
        tag=subject.tag,
        digest=tag.digest,
        rule=plan.tag_rule,
        mode=plan.mode,
        tag_off=plan.tag_off,
        manifest_off=plan.manifest_off,
        manifests=attempt.locking.manifests,
        event_id=subject.event_id,
        pushed_at=min(pushed_at, attempt.now + CLOCK_TOLERANCE),
        locked_at=attempt.now,
    )
    key, body = release_key(subject.registry, subject.repository, subject.tag), stored(release)
    version = attempt.known.release_version
    return [Insert(key, body) if version is None else Replace(key, body, version)]


def _would_hide_a_proof(attempt: Attempt) -> bool:
    release = attempt.known.release
    return attempt.mode is Mode.REPORT and release is not None and release.mode is Mode.ENFORCE


def journal_row(attempt: Attempt, outcome: str) -> Change:
    """Return the journal entry of an attempt."""
    locking = attempt.locking
    entry = JournalEntry(
        at=attempt.now,
        trigger=attempt.trigger,
        event_id=attempt.subject.event_id,
        image=attempt.subject.image,
        decision="protect",
        outcome=outcome,
        rule=attempt.plan.rule,
        mode=attempt.mode,
        applied=len(locking.applied),
        already=len(locking.already) + locking.recalled,
        failed=len(locking.failures),
        problems=problems(locking),
    )
    return Upsert(journal_key(entry, registry=attempt.subject.registry), stored(entry))


def quarantined_running_row(runs: ImageRuns, act: str, *, trigger: str, now: datetime) -> Change:
    """Return the journal entry that a quarantined image was deployed."""
    entry = JournalEntry(
        at=now,
        trigger=trigger,
        event_id=act,
        image=runs.image,
        decision="quarantined",
        outcome="deployed",
        reason=f"{runs.workload} runs it since event {runs.event_id}",
    )
    return Upsert(journal_key(entry, registry=runs.registry), stored(entry))


def suspended_row(subject: Subject, reason: str, *, trigger: str, now: datetime) -> Change:
    """Return the journal entry of a push that changes nothing while its tag is unlocked."""
    entry = JournalEntry(
        at=now, trigger=trigger, event_id=subject.event_id, image=subject.image, decision=reason, outcome="suspended"
    )
    return Upsert(journal_key(entry, registry=subject.registry), stored(entry))


# -- findings -----------------------------------------------------------------------------------------------------


def findings(attempt: Attempt, *, failed: bool) -> Sequence[Finding]:
    """Return what an operator must hear about after an attempt."""
    found = []
    locking, subject = attempt.locking, attempt.subject
    expected = (
        attempt.known.release.digest if attempt.relation is Relation.MOVED and attempt.known.release else subject.digest
    )
    if subject.tag is not None and locking.tag is not None and expected not in (None, locking.tag.digest):
        moved = str(tag_target(subject.registry, subject.repository, subject.tag))
        found.append(_finding(attempt, FindingKind.TAG_MOVED, moved, (str(expected), str(locking.tag.digest))))
    if locking.unknown:
        observed = "no children named and the content cannot be read"
        found.append(_finding(attempt, FindingKind.CLOSURE_UNKNOWN, subject.image, ("every child locked", observed)))
    if failed:
        observed = "; ".join(problems(locking)) or "not finished in time"
        found.append(_finding(attempt, FindingKind.LOCK_FAILED, subject.image, ("tag and closure locked", observed)))
    return found


def _finding(attempt: Attempt, kind: FindingKind, subject: str, texts: tuple[str, str]) -> Finding:
    """Return a finding; `texts` are what was expected and what was observed."""
    known = next((f for f in attempt.known.open_findings if f.kind is kind and f.subject == subject), None)
    return Finding(
        kind=kind,
        severity=Severity.WARNING if attempt.mode is Mode.REPORT else Severity.CRITICAL,
        registry=attempt.subject.registry,
        subject=subject,
        expected=texts[0],
        observed=texts[1],
        first_seen=known.first_seen if known else attempt.now,
        last_seen=attempt.now,
        rule=attempt.plan.rule,
    )


def finding_rows(found: Sequence[Finding]) -> Sequence[Change]:
    """Return the rows of findings."""
    return [Upsert(finding_key(f.kind, f.registry, f.subject), stored(f)) for f in found]


def closed(found: Sequence[Finding], *, now: datetime) -> Sequence[Finding]:
    """Return the findings that a completed lock ends; a moved tag stays a finding until a person accepts it."""
    return [
        replace(finding, closed_at=now)
        for finding in found
        if finding.kind in (FindingKind.LOCK_FAILED, FindingKind.CLOSURE_UNKNOWN)
    ]
