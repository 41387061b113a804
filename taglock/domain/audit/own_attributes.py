"""Judge a repository's own attributes by what its rule wants and by what the ledger holds as proved."""

from copy import replace

import msgspec

from taglock.domain.attributes import NOTHING_OFF, Attribute, Off
from taglock.domain.audit.acts_here import ActsHere
from taglock.domain.audit.differences import Differences
from taglock.domain.audit.rows import PlannedRepository
from taglock.domain.audit.scene import Judged, Scene, severity_of
from taglock.domain.ledger import FindingKind, ProvenRepository
from taglock.domain.plan import effective_mode
from taglock.domain.rule import Mode, Protect, Rule, decide_repository


class OwnAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a repository's own attributes."""

    off: Off
    proof: ProvenRepository | None = None


def judge_repository(scene: Scene, judged: Judged, own: OwnAttributes, acts: ActsHere) -> None:
    """Add what is to be said and done about a repository's own attributes, once all of its images were judged."""
    judged.strayed += acts.repository(own.off)
    if acts.spares_repository:
        return
    differences, rule = Differences(scene, judged), _rule(scene)
    off, proof = own.off, own.proof
    wanted, name = (rule.profile.off, rule.name) if rule is not None else (NOTHING_OFF, "")
    if orphaned := off - wanted - acts.off_repository:
        differences.repository(FindingKind.ORPHAN_LOCK, (wanted, orphaned | (off & wanted)), name)
    kind = FindingKind.PARTLY_LOCKED if wanted & (off - acts.off_repository) else FindingKind.UNLOCKED
    if proof is not None and proof.mode is Mode.ENFORCE and not proof.off <= off:
        if scene.is_young(proof.proven_at):
            judged.pending += 1  # it may have been read just before it was locked
            return
        kind = FindingKind.LOOSENED
        differences.loosened_repository(proof, off)
    elif wanted - off:
        differences.repository(kind, (wanted, off), name)
    planned = _planned(scene, rule, kind) if rule is not None else None
    planned = _without_write(planned) if planned is not None and (judged.pending or acts.has_grants) else planned
    if planned is not None and not planned.off <= off:
        judged.planned.append(planned)


def _rule(scene: Scene) -> Rule | None:
    decision = decide_repository(scene.rules, registry=scene.registry, repository=scene.repository)
    return decision.rule if isinstance(decision, Protect) else None


def _planned(scene: Scene, rule: Rule, kind: FindingKind) -> PlannedRepository:
    return PlannedRepository(
        repository=scene.repository,
        off=rule.profile.off,
        rule=rule.name,
        reason=kind,
        severity=severity_of(effective_mode(rule, scene.mode)),
    )


def _without_write(planned: PlannedRepository) -> PlannedRepository:
    """Leave write on while locks of images are pending: the registry may refuse them in a repository without write."""
    return replace(planned, off=planned.off - {Attribute.WRITE})
