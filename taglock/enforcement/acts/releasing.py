"""Make the digest that a tag points to the release: lock its closure and record it; the journal keeps the old one."""

from collections.abc import Sequence
from contextlib import suppress
from copy import replace
from datetime import datetime

import msgspec

from taglock.domain.acts.act import Act
from taglock.domain.attempt import problems
from taglock.domain.attributes import Off
from taglock.domain.audit.rows import AuditedRepository, known_repository_key
from taglock.domain.envelope import CLOCK_TOLERANCE
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    ProvenManifest,
    Release,
    finding_key,
    manifest_key,
    release_key,
    restored,
    stored,
)
from taglock.domain.outcome import Locking
from taglock.domain.plan import LockPlan, plan_release
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, tag_target
from taglock.domain.row import Change, Insert, Replace, Upsert
from taglock.domain.rule import Candidate, Mode, Protect, Rule, RuleSet, decide
from taglock.enforcement.acts.wanting import RepositoryRows
from taglock.enforcement.context import Enforcement
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.errors import InvalidConfiguration


class NewRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A tag whose present digest is to be the release."""

    registry: LoginServer
    repository: Repository
    tag: Tag
    digest: Digest
    plan: LockPlan


def plan_as_recorded(app: Enforcement, rule_name: str, *, tag_off: Off, manifest_off: Off) -> LockPlan:
    """Return the plan that locks as was recorded; the rule of that name adds referrers while the rules can be used."""
    rule: Rule | None = None
    with suppress(InvalidConfiguration):
        rule = app.rules().rule(rule_name)
    referrers = rule is not None and rule.referrers
    return LockPlan(
        rule=rule_name,
        mode=Mode.ENFORCE,
        tag_off=tag_off,
        manifest_off=manifest_off,
        tag_rule=rule_name,
        referrers=referrers,
        referrers_rule=rule_name if referrers else "",
    )


def plan_by_rule(rules: RuleSet, candidate: Candidate) -> LockPlan | None:
    """Return what the rules want of an image now, None when none protects it.

    A person's act is never a mere report, whatever the mode of the rule.
    """
    decision = decide(rules, candidate)
    if not isinstance(decision, Protect):
        return None
    return replace(plan_release(decision.rule, mode=Mode.ENFORCE), mode=Mode.ENFORCE)


async def lock_release(app: Enforcement, new: NewRelease, *, deadline: float) -> Locking:
    """Lock a tag and the closure of its digest, children first, until all is proved or the time is used up."""
    image = Image(registry=new.registry, repository=new.repository, tag=new.tag, digest=new.digest, media_type=None)
    limits = app.limits
    budget = Budget(
        deadline=deadline, manifests=2 * limits.closure, parallel=limits.parallel_requests, closure=limits.closure
    )
    return await ImageLocker(app.registries(new.registry), image, new.plan, budget).lock()


def why_not_released(new: NewRelease, locking: Locking) -> str:
    """Return why a lock is not that of the new release, '' when it is."""
    if locking.tag is not None and locking.tag.digest != new.digest:
        return f"{new.repository}:{new.tag} moved again, to {locking.tag.digest}"
    return "" if locking.finished else next(iter(problems(locking)), "not finished in time")


def release_rows(
    app: Enforcement, act: Act, new: NewRelease, known: tuple[Locking, RepositoryRows, Finding | None]
) -> tuple[Change, ...]:
    """Return the rows of a new release over the one that was read, with its proofs; its open finding ends."""
    locking, rows, moved = known
    now = app.clock.now()
    return (
        Upsert(known_repository_key(new.registry, new.repository), stored(AuditedRepository(seen_at=now))),
        *proof_rows(new, locking, now=now),
        *_release(act, new, (locking, rows), now=now),
        *(closed_rows([moved], now=now) if moved is not None else ()),
    )


def proof_rows(new: NewRelease, locking: Locking, *, now: datetime) -> list[Change]:
    """Return the rows of what was proved."""
    return [
        Upsert(
            manifest_key(new.registry, new.repository, digest),
            stored(
                ProvenManifest(
                    digest=digest,
                    media_type=media_type,
                    off=new.plan.manifest_off,
                    rule=new.plan.referrers_rule or new.plan.rule,
                    mode=new.plan.mode,
                    proven_at=now,
                )
            ),
        )
        for digest, media_type in (*locking.applied, *locking.already)
    ]


def _release(act: Act, new: NewRelease, known: tuple[Locking, RepositoryRows], *, now: datetime) -> list[Change]:
    locking, rows = known
    assert locking.tag is not None  # a finished lock has the tag's answer
    release = Release(
        registry=new.registry,
        repository=new.repository,
        tag=new.tag,
        digest=locking.tag.digest,
        rule=new.plan.tag_rule,
        mode=new.plan.mode,
        tag_off=new.plan.tag_off,
        manifest_off=new.plan.manifest_off,
        manifests=locking.manifests,
        event_id=act.id,
        pushed_at=min(locking.tag.updated_at, now + CLOCK_TOLERANCE),
        locked_at=now,
    )
    key, version = release_key(new.registry, new.repository, new.tag), rows.versions.get(new.tag)
    return [Insert(key, stored(release)) if version is None else Replace(key, stored(release), version)]


async def moved_finding(app: Enforcement, registry: LoginServer, repository: Repository, tag: Tag) -> Finding | None:
    """Return the open finding that a release's tag points elsewhere; raises LedgerError."""
    subject = str(tag_target(registry, repository, tag))
    (row,) = await app.rows.read([finding_key(FindingKind.TAG_MOVED, registry, subject)])
    found = restored(Finding, row.body) if row is not None else None
    return found if found is not None and found.closed_at is None else None


def closed_rows(found: Sequence[Finding], *, now: datetime) -> list[Change]:
    """Return the rows of findings that end."""
    return [
        Upsert(finding_key(each.kind, each.registry, each.subject), stored(replace(each, closed_at=now)))
        for each in found
    ]
