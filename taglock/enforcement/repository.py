"""Lock a repository's own attributes when a rule of scope `repository` asks for it."""

import asyncio
from contextlib import suppress

import msgspec

from taglock.domain.attributes import Attribute, Off, spelled
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenRepository, repository_key, restored, stored
from taglock.domain.outcome import Failure
from taglock.domain.plan import effective_mode
from taglock.domain.reference import LoginServer, Repository, repository_target
from taglock.domain.row import Change, Upsert
from taglock.domain.rule import Mode, Protect, RuleSet, decide_repository
from taglock.domain.state import AttributeUpdate
from taglock.enforcement.context import Enforcement
from taglock.enforcement.report_mode import view
from taglock.errors import LedgerError, RegistryError, Unavailable


class RepositoryLock(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule wants of one repository's own attributes."""

    registry: LoginServer
    repository: Repository
    off: Off
    """All that the rule wants off, write included."""
    rule: str
    mode: Mode


def wanted_lock(
    app: Enforcement, rules: RuleSet, *, registry: LoginServer, repository: Repository
) -> RepositoryLock | None:
    """Return what the first matching repository rule wants; None when none wants anything."""
    decision = decide_repository(rules, registry=registry, repository=repository)
    if not isinstance(decision, Protect):
        return None
    return RepositoryLock(
        registry=registry,
        repository=repository,
        off=decision.rule.profile.off,
        rule=decision.rule.name,
        mode=effective_mode(decision.rule, app.mode),
    )


async def lock_repository_in_time(
    app: Enforcement, push: ImagePushed, rules: RuleSet, *, deadline: float
) -> Failure | None:
    """Lock a repository as `lock_repository` does, and return why it could not be locked."""
    target = f"repository {repository_target(push.registry, push.repository)}"
    try:
        async with asyncio.timeout_at(deadline):
            await lock_repository(app, push, rules)
    except RegistryError as error:
        return Failure.of(target, error, may_be_gone=True)
    except TimeoutError:
        return Failure(target=target, message="the time was used up", transient=True)
    return None


async def lock_repository(app: Enforcement, push: ImagePushed, rules: RuleSet) -> None:
    """Turn off what the matching repository rule wants, except write: that would refuse every later push."""
    lock = wanted_lock(app, rules, registry=push.registry, repository=push.repository)
    wanted = lock.off - {Attribute.WRITE} if lock is not None else None
    if lock is None or not wanted:
        return
    held = await _held(app, lock)
    if held is not None and wanted <= held.off and (held.mode is Mode.ENFORCE or lock.mode is Mode.REPORT):
        return
    proof = await turn_off(app, lock, wanted)
    if held is None or held.mode is Mode.REPORT or lock.mode is Mode.ENFORCE:
        with suppress(LedgerError):  # the row only saves the next push a request
            await app.rows.write([proof_row(lock, proof)])


async def turn_off(app: Enforcement, lock: RepositoryLock, off: Off) -> ProvenRepository:
    """Turn attributes off that the lock wants and return the proof: all it wants that the registry's answer shows off.

    Raises RegistryError when there is no answer, or one that shows less than was asked for.
    """
    update = AttributeUpdate(target=repository_target(lock.registry, lock.repository), off=off)
    state = await view(app.registries(lock.registry), lock.mode).update_repository(update)
    if not off <= state.off:
        shown = f"the registry answered success but shows off only {spelled(state.off)}"
        raise Unavailable(shown, operation="update", target=str(update.target))
    return ProvenRepository(off=state.off & lock.off, rule=lock.rule, mode=lock.mode, proven_at=app.clock.now())


def proof_row(lock: RepositoryLock, proof: ProvenRepository) -> Change:
    """Return the row of a repository's proof."""
    return Upsert(repository_key(lock.registry, lock.repository), stored(proof))


async def _held(app: Enforcement, lock: RepositoryLock) -> ProvenRepository | None:
    """Return the proof that the ledger holds; one that cannot be read counts as none."""
    try:
        (row,) = await app.rows.read([repository_key(lock.registry, lock.repository)])
        return restored(ProvenRepository, row.body) if row is not None else None
    except LedgerError:
        return None
