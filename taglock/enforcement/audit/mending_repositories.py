"""Turn off the own attributes of one planned repository, once all images of the plan are done."""

from copy import replace

from taglock.domain.attributes import NOTHING_OFF, Attribute, Off
from taglock.domain.audit.acts_here import ActsHere
from taglock.domain.audit.rows import PlannedRepository
from taglock.domain.ledger import due_partition
from taglock.domain.rule import Mode
from taglock.enforcement.audit.plans import failed_image
from taglock.enforcement.audit.repair import Repair, applied, failed, only_reported, skipped
from taglock.enforcement.recording import write
from taglock.enforcement.repository import RepositoryLock, proof_row, turn_off, wanted_lock
from taglock.errors import RegistryError


async def mend_repository(repair: Repair, planned: PlannedRepository, acts: ActsHere) -> PlannedRepository:
    """Turn off what was planned as far as a rule still wants it, write included; raises RegistryError.

    Write stays on while an image of the repository is not locked: the registry may refuse its lock afterwards.
    """
    app = repair.app
    if acts.spares_repository:
        return skipped(planned, "a person has unlocked it for a time")
    lock = wanted_lock(app, app.rules(), registry=repair.registry, repository=planned.repository)
    off = planned.off & lock.off if lock is not None else NOTHING_OFF
    if lock is None or not off:
        return failed(planned, "no rule wants it any more")
    if lock.mode is Mode.REPORT:
        return only_reported(planned)
    kept_on = await _why_write_stays(repair, planned, acts) if Attribute.WRITE in off else ""
    off = off - {Attribute.WRITE} if kept_on else off
    if off:
        await _turn_off(repair, planned, lock, off)
    return failed(planned, kept_on) if kept_on else applied(planned)


async def _turn_off(repair: Repair, planned: PlannedRepository, lock: RepositoryLock, off: Off) -> None:
    planned = replace(planned, rule=lock.rule)
    try:
        proof = await turn_off(repair.app, lock, off)
    except RegistryError as error:
        await write(repair.app, [repair.journal(planned, applied=0, problems=(str(error),))])
        raise
    await write(repair.app, [repair.journal(planned, applied=1), proof_row(lock, proof)])


async def _why_write_stays(repair: Repair, planned: PlannedRepository, acts: ActsHere) -> str:
    rows, name = repair.app.rows, planned.repository
    if acts.has_grants:
        return "write stays on: an image is unlocked for a time"
    if await rows.scan(due_partition(repair.registry), start=f"{name}:", end=f"{name};", limit=1):
        return "write stays on: the lock of an image is due work"
    image = await failed_image(repair.app, repair.registry, repair.audit_id, name)
    return f"write stays on: {image} could not be locked" if image else ""
