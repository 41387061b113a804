"""What ends a release in the ledger when a person retires it."""

from collections.abc import Sequence

from taglock.domain.acts.act import Act, ActTarget, Outcome, Place
from taglock.domain.ledger import Finding, manifest_key, release_key, restored
from taglock.domain.reference import Digest, TargetKind
from taglock.domain.row import Change, Delete
from taglock.enforcement.acts.releasing import closed_rows
from taglock.enforcement.acts.wanting import RepositoryRows, repository_rows
from taglock.enforcement.context import Enforcement

PAGE = 1000


async def closing_rows(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> list[Change]:
    """Return what ends a release in the ledger: proofs of what was unlocked, findings, and last its own row.

    What was recorded since the act began belongs to a later push, and stays.
    """
    place = act.places[0]
    rows = await repository_rows(app, place.registry, place.repository)
    loose = [each for each in targets if each.target.kind is TargetKind.MANIFEST and each.outcome is not Outcome.KEPT]
    proofs = [Digest(each.target.name) for each in loose]
    old = [digest for digest in proofs if digest in rows.proofs and rows.proofs[digest].proven_at <= act.created_at]
    findings = await _open_findings(app, place)
    return [
        *(Delete(manifest_key(place.registry, place.repository, digest)) for digest in old),
        *closed_rows(findings, now=app.clock.now()),
        *_release_ended(act, targets, rows),
    ]


def _release_ended(act: Act, targets: Sequence[ActTarget], rows: RepositoryRows) -> list[Change]:
    """Return what ends the release's own row, unless its tag is kept, as by a hold, or was released again since."""
    place = act.places[0]
    release = rows.releases.get(place.tag) if place.tag is not None else None
    kept = any(each.target.kind is TargetKind.TAG and each.outcome is Outcome.KEPT for each in targets)
    if release is None or kept or release.locked_at > act.created_at:
        return []
    return [Delete(release_key(place.registry, place.repository, release.tag), rows.versions[release.tag])]


async def _open_findings(app: Enforcement, place: Place) -> list[Finding]:
    """Return what is open about a release: by its tag, with or without a digest."""
    name = f"{place.registry}/{place.repository}" + (f":{place.tag}" if place.tag is not None else f"@{place.digest}")
    found: list[Finding] = []
    start = ""
    while True:
        rows = await app.rows.scan(f"finding/{place.registry}", start=start, limit=PAGE)
        held = [restored(Finding, row.body) for row in rows]
        found += [each for each in held if each.closed_at is None and _is_about(each.subject, name)]
        if len(rows) < PAGE:
            return found
        start = rows[-1].key.key + "\0"


def _is_about(subject: str, name: str) -> bool:
    return subject == name or subject.startswith(f"{name}@")
