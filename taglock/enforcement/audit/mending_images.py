"""Lock one planned image: by the way of a push, or its manifests alone where a tag must not be touched."""

from collections.abc import Sequence
from copy import replace
from datetime import timedelta

from taglock.domain.attempt import problems
from taglock.domain.attributes import NOTHING_OFF
from taglock.domain.audit.acts_here import ActsHere
from taglock.domain.audit.rows import PlannedImage, audit_event_id
from taglock.domain.audit.running import running_plan
from taglock.domain.deployment import Answer
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenManifest, Release, manifest_key, release_key, restored, stored
from taglock.domain.outcome import Locking
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Tag
from taglock.domain.row import Change, Upsert
from taglock.domain.rule import Mode, RuleSet, Scope
from taglock.domain.state import TagState
from taglock.enforcement.audit.looking_up import listed
from taglock.enforcement.audit.repair import TRIGGER, Repair, applied, failed, only_reported, skipped
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deployments import who_runs
from taglock.enforcement.locking import Image, ImageLocker
from taglock.enforcement.recording import write
from taglock.enforcement.subject import Work, lock_subject

MOMENT = timedelta(microseconds=1)
"""Makes a repair later than the push that it proves anew, so that it is no duplicate of it."""


async def mend_image(repair: Repair, planned: PlannedImage, acts: ActsHere) -> PlannedImage:
    """Lock a planned image as far as it still is what was planned; raises RegistryError and HandOverFailed."""
    if planned.tag is None:
        return await _mend_running(repair, planned, acts)
    release = await _release(repair, planned, planned.tag)
    if planned.recorded_digest is not None:
        return await _mend_moved(repair, planned, release, acts)
    tag = await repair.app.registries(repair.registry).tag(planned.repository, planned.tag)
    if tag.digest != planned.digest:
        return failed(planned, f"moved to {tag.digest} since it was planned")
    work = Work(trigger=TRIGGER, budget=repair.budget)
    handled = await lock_subject(_images_only(repair.app), _push(repair, planned, tag, release), work)
    if handled.mode == Mode.REPORT:
        return only_reported(planned)
    if handled.outcome in ("locked", "already"):
        return applied(planned)
    if handled.outcome == "suspended":
        return skipped(planned, handled.decision)
    return failed(planned, "; ".join((handled.outcome, *handled.problems)))


def _push(repair: Repair, planned: PlannedImage, tag: TagState, release: Release | None) -> ImagePushed:
    """Return the push that no event announced, or that has to be proved anew."""
    occurred_at = tag.updated_at
    if release is not None:
        occurred_at = max(occurred_at, release.pushed_at + MOMENT)
    return ImagePushed(
        registry=repair.registry,
        repository=planned.repository,
        tag=planned.tag,
        digest=planned.digest,
        media_type=None,
        event_id=audit_event_id(repair.audit_id, planned),
        occurred_at=occurred_at,
        location="",
    )


def _images_only(app: Enforcement) -> Enforcement:
    """Return the app with the rules about images: what a repository needs is an action of the plan of its own."""
    rules = app.rules

    def image_rules() -> RuleSet:
        whole = rules()
        return replace(whole, rules=tuple(rule for rule in whole.rules if rule.scope is Scope.IMAGE))

    return replace(app, rules=image_rules)


async def _mend_moved(repair: Repair, planned: PlannedImage, release: Release | None, acts: ActsHere) -> PlannedImage:
    """Tighten what a moved tag was locked with, never what it points to now: a person has to accept that."""
    if release is None:
        return failed(planned, "its release is no longer in the ledger")
    plan = LockPlan(rule=release.rule, mode=Mode.ENFORCE, tag_off=NOTHING_OFF, manifest_off=release.manifest_off)
    return await _lock_manifests(repair, planned, plan, acts)


async def _mend_running(repair: Repair, planned: PlannedImage, acts: ActsHere) -> PlannedImage:
    """Lock the manifests of a digest by the rules of who runs it now."""
    found = await who_runs(repair.app, repair.registry, planned.digest)
    deployments = [each for each in found.deployments if each.repository == planned.repository]
    if found.answer is not Answer.YES or not deployments:
        return failed(planned, f"not known to run any more: {found.reason}")
    state = await repair.app.registries(repair.registry).manifest(planned.repository, planned.digest)
    plan = running_plan(repair.app.rules(), repair.app.mode, listed(state), deployments)
    if plan is None:
        return failed(planned, "no rule wants what runs any more")
    if plan.mode is Mode.REPORT:
        return only_reported(planned)
    return await _lock_manifests(repair, planned, plan, acts)


async def _lock_manifests(repair: Repair, planned: PlannedImage, plan: LockPlan, acts: ActsHere) -> PlannedImage:
    image = Image(
        registry=repair.registry,
        repository=planned.repository,
        tag=None,
        digest=planned.digest,
        media_type=None,
        suspended=acts.granted_manifests,
    )
    locking = await ImageLocker(repair.app.registries(repair.registry), image, plan, repair.budget).lock()
    why = () if locking.finished else problems(locking) or _waiting(locking) or ("not complete",)
    journal = repair.journal(planned, applied=len(locking.applied), problems=why)
    await write(repair.app, [journal, *_proofs(repair, planned, plan, locking)])
    return failed(planned, "; ".join(why)) if why else applied(planned)


def _waiting(locking: Locking) -> tuple[str, ...]:
    return tuple(f"{target}: unlocked for a time" for target in locking.suspended)


def _proofs(repair: Repair, planned: PlannedImage, plan: LockPlan, locking: Locking) -> Sequence[Change]:
    return [
        Upsert(
            manifest_key(repair.registry, planned.repository, digest),
            stored(
                ProvenManifest(
                    digest=digest,
                    media_type=media_type,
                    off=plan.manifest_off,
                    rule=plan.rule,
                    mode=plan.mode,
                    proven_at=repair.app.clock.now(),
                )
            ),
        )
        for digest, media_type in (*locking.applied, *locking.already)
    ]


async def _release(repair: Repair, planned: PlannedImage, tag: Tag) -> Release | None:
    (row,) = await repair.app.rows.read([release_key(repair.registry, planned.repository, tag)])
    return restored(Release, row.body) if row is not None else None
