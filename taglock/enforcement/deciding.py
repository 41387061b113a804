"""Decide what a push or deployment asks for; reads the registry only when a rule needs what the event does not tell."""

import asyncio
from copy import replace

import msgspec

from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenManifest, manifest_key, restored
from taglock.domain.outcome import Failure
from taglock.domain.plan import LockPlan, plan_manifests, plan_release, plan_running, united
from taglock.domain.reference import Digest
from taglock.domain.rule import Candidate, Decision, Ignore, Protect, RuleSet, Trigger, decide
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.context import Enforcement
from taglock.errors import RegistryError


class Later(msgspec.Struct, frozen=True):
    """It cannot be told yet; look again after some seconds."""

    reason: str
    seconds: float


SUBJECT_SECONDS = 60.0
"""A signature can be handled while its image is still being locked; by then the image's proof is recorded."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When something is decided."""

    deadline: float
    """On the event loop's clock, in seconds."""
    resumed: bool
    """Whether it was looked at before."""


async def decide_in_time(
    app: Enforcement, subject: Subject, rules: RuleSet, moment: Moment
) -> LockPlan | Ignore | Failure:
    """Return the plan for an image, or why it is left alone; a Failure when that cannot be told now."""
    try:
        async with asyncio.timeout_at(moment.deadline):
            decision = await _decide(app, subject, rules, moment)
    except RegistryError as error:
        return Failure.of(subject.image, error, may_be_gone=True)
    except TimeoutError:
        return Failure(target=subject.image, message="the time was used up", transient=True)
    if isinstance(decision, Later):
        return Failure(target=subject.image, message=decision.reason, transient=True, retry_after=decision.seconds)
    return decision


async def _decide(app: Enforcement, subject: Subject, rules: RuleSet, moment: Moment) -> LockPlan | Ignore | Later:
    if isinstance(subject, ImageRuns):
        return await decide_running(app, subject, rules)
    return await decide_push(app, subject, rules, resumed=moment.resumed)


async def decide_push(
    app: Enforcement, push: ImagePushed, rules: RuleSet, *, resumed: bool
) -> LockPlan | Ignore | Later:
    """Return the plan for a push, or why it is left alone."""
    if push.tag is None:
        return await _decide_referrer(app, push, rules, resumed=resumed)
    candidate = Candidate(registry=push.registry, repository=push.repository, tag=push.tag, media_type=push.media_type)
    decision = decide(rules, candidate)
    if not isinstance(decision, Protect | Ignore):
        decision = decide(rules, await _informed(app, push, candidate))
    if isinstance(decision, Protect):
        return plan_release(decision.rule, mode=app.mode)
    return decision if isinstance(decision, Ignore) else Ignore("the registry does not tell the types a rule asks for")


async def decide_running(app: Enforcement, runs: ImageRuns, rules: RuleSet) -> LockPlan | Ignore:
    """Return the plan for an image that runs: what the deployment's rule wants, and the push rule of its tag."""
    running = Candidate(
        registry=runs.registry,
        repository=runs.repository,
        tag=runs.tag,
        trigger=Trigger.DEPLOYMENT,
        media_type=runs.media_type,
        environment=runs.environment,
    )
    decisions = _decide_both(rules, running)
    if not all(isinstance(decision, Protect | Ignore) for decision in decisions):
        decisions = _decide_both(rules, await _informed(app, runs, running))
    return _plan_running(app, *decisions)


def _decide_both(rules: RuleSet, running: Candidate) -> tuple[Decision, Decision]:
    return decide(rules, running), decide(rules, replace(running, trigger=Trigger.PUSH, environment=None))


def _plan_running(app: Enforcement, by_deployment: Decision, by_push: Decision) -> LockPlan | Ignore:
    plans = [plan_running(by_deployment.rule, mode=app.mode)] if isinstance(by_deployment, Protect) else []
    if isinstance(by_push, Protect):
        plans.append(plan_release(by_push.rule, mode=app.mode))
    if plans:
        return united(plans)
    return by_deployment if isinstance(by_deployment, Ignore) else Ignore("the registry does not tell the types")


async def _informed(app: Enforcement, subject: Subject, candidate: Candidate) -> Candidate:
    registry = app.registries(subject.registry)
    digest = subject.digest
    if digest is None:
        assert subject.tag is not None
        digest = (await registry.tag(subject.repository, subject.tag)).digest
    state = await registry.manifest(subject.repository, digest)
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
    return plan_manifests(rule, mode=app.mode) if rule is not None and rule.referrers else None
