"""Tell at once when something is deleted that was locked; anything else costs one look into the ledger."""

from taglock.domain.handled import Handled
from taglock.domain.image_deleted import ImageDeleted, loss_of
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    ProvenManifest,
    finding_key,
    image_partition,
    manifest_key,
    restored,
)
from taglock.domain.reference import manifest_target
from taglock.domain.row import Row
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import publish, write
from taglock.errors import HandOverFailed, LedgerError

TRIGGER = "image_deleted"
MOST_TOLD = 1000
"""Of the manifests of one deleted repository; an audit finds the rest."""


async def note_deleted(app: Enforcement, deleted: ImageDeleted) -> Handled:
    """Record and publish that a locked manifest was deleted; raise HandOverFailed when the ledger does not answer."""
    try:
        rows = await _known_rows(app, deleted)
        for row in rows:
            await _note(app, deleted, restored(ProvenManifest, row.body))
    except LedgerError as error:
        raise HandOverFailed(f"{deleted.image}: the ledger does not answer: {error}") from error
    decision = f"{len(rows)} manifests that were locked" if rows else "nothing that was locked"
    outcome = "missing" if rows else "ignored"
    problems = (f"{deleted.image} was deleted",) if rows else ()
    return Handled(
        trigger=TRIGGER,
        outcome=outcome,
        event_id=deleted.event_id,
        image=deleted.image,
        decision=decision,
        problems=problems,
    )


async def _known_rows(app: Enforcement, deleted: ImageDeleted) -> list[Row]:
    if deleted.digest is not None:
        (row,) = await app.rows.read([manifest_key(deleted.registry, deleted.repository, deleted.digest)])
        return [row] if row is not None else []
    partition = image_partition(deleted.registry, deleted.repository)
    return list(await app.rows.scan(partition, start="manifest/", end="manifest0", limit=MOST_TOLD))


async def _note(app: Enforcement, deleted: ImageDeleted, proof: ProvenManifest) -> None:
    subject = str(manifest_target(deleted.registry, deleted.repository, proof.digest))
    (row,) = await app.rows.read([finding_key(FindingKind.RELEASE_MISSING, deleted.registry, subject)])
    known = restored(Finding, row.body) if row is not None else None
    still_open = known if known is not None and known.closed_at is None else None
    loss = loss_of(deleted, proof, known=still_open, now=app.clock.now())
    changes = loss.changes if app.publisher is not None else loss.changes[:-1]  # without a topic nothing waits for one
    await write(app, changes)
    await publish(app, [loss.event])
