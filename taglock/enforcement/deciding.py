"""Decide what a push asks for; reads the registry only when a rule depends on what the event does not tell."""

from copy import replace

import msgspec

from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenManifest, manifest_key, restored
from taglock.domain.plan import LockPlan, plan_referrer, plan_release
from taglock.domain.reference import Digest, Tag
from taglock.domain.rule import Candidate, Ignore, Protect, RuleSet, decide
from taglock.enforcement.context import Enforcement


class Later(msgspec.Struct, frozen=True):
    """It cannot be told yet; look again after some seconds."""

    reason: str
    seconds: float


SUBJECT_SECONDS = 60.0
"""A signature can be handled while its image is still being locked; by then the image's proof is recorded."""


async def decide_push(
    app: Enforcement, push: ImagePushed, rules: RuleSet, *, resumed: bool
) -> LockPlan | Ignore | Later:
    """Return the plan for a push, or why it is left alone."""
    if push.tag is None:
        return await _decide_referrer(app, push, rules, resumed=resumed)
    candidate = Candidate(registry=push.registry, repository=push.repository, tag=push.tag, media_type=push.media_type)
    decision = decide(rules, candidate)
    if not isinstance(decision, Protect | Ignore):
        decision = decide(rules, await _informed(app, push, candidate, push.tag))
    if isinstance(decision, Protect):
        return plan_release(decision.rule, mode=app.mode)
    return decision if isinstance(decision, Ignore) else Ignore("the registry does not tell the types a rule asks for")


async def _informed(app: Enforcement, push: ImagePushed, candidate: Candidate, tag: Tag) -> Candidate:
    registry = app.registries(push.registry)
    digest = push.digest or (await registry.tag(push.repository, tag)).digest
    state = await registry.manifest(push.repository, digest)
    return replace(candidate, media_type=state.media_type, artifact_type=state.artifact_type or "")


async def _decide_referrer(
    app: Enforcement, push: ImagePushed, rules: RuleSet, *, resumed: bool
) -> LockPlan | Ignore | Later:
    if push.digest is None or not rules.wants_referrers(push.registry, push.repository):
        return Ignore("pushed by digest without a tag, and no rule locks referrers here")
    content = await app.registries(push.registry).content(push.repository, push.digest)
    if content.subject is None:
        return Ignore("pushed by digest without a tag, and it has no subject")
    plan = await _plan_by_subject(app, push, rules, content.subject)
    if plan is not None:
        return plan
    if not resumed:
        return Later(f"its subject {content.subject} is not locked", SUBJECT_SECONDS)
    return Ignore(f"its subject {content.subject} belongs to no release whose rule locks referrers")


async def _plan_by_subject(app: Enforcement, push: ImagePushed, rules: RuleSet, subject: Digest) -> LockPlan | None:
    (row,) = await app.rows.read([manifest_key(push.registry, push.repository, subject)])
    rule = rules.rule(restored(ProvenManifest, row.body).rule) if row is not None else None
    return plan_referrer(rule, mode=app.mode) if rule is not None and rule.referrers else None
