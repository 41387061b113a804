"""Lock a repository's own attributes when a rule of scope `repository` asks for it, once for each repository."""

from contextlib import suppress

from taglock.domain.attributes import Attribute, Off, spelled
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenRepository, repository_key, restored, stored
from taglock.domain.plan import effective_mode
from taglock.domain.reference import repository_target
from taglock.domain.row import Upsert
from taglock.domain.rule import Mode, Protect, RuleSet, decide_repository
from taglock.domain.state import AttributeUpdate
from taglock.enforcement.context import Enforcement
from taglock.enforcement.report_mode import view
from taglock.errors import LedgerError, Unavailable


async def lock_repository(app: Enforcement, push: ImagePushed, rules: RuleSet) -> None:
    """Turn off what the matching repository rule wants, except write: that would refuse every later push."""
    decision = decide_repository(rules, registry=push.registry, repository=push.repository)
    if not isinstance(decision, Protect):
        return
    wanted = decision.rule.profile.off - {Attribute.WRITE}
    mode = effective_mode(decision.rule, app.mode)
    if not wanted or await _is_proved(app, push, wanted, mode):
        return
    update = AttributeUpdate(target=repository_target(push.registry, push.repository), off=wanted)
    state = await view(app.registries(push.registry), mode).update_repository(update)
    if not wanted <= state.off:
        shown = f"the registry answered success but shows off only {spelled(state.off)}"
        raise Unavailable(shown, operation="update", target=str(update.target))
    proof = ProvenRepository(off=wanted, rule=decision.rule.name, mode=mode, proven_at=app.clock.now())
    with suppress(LedgerError):  # the row only saves the next push a request
        await app.rows.write([Upsert(repository_key(push.registry, push.repository), stored(proof))])


async def _is_proved(app: Enforcement, push: ImagePushed, wanted: Off, mode: Mode) -> bool:
    try:
        (row,) = await app.rows.read([repository_key(push.registry, push.repository)])
        return row is not None and _proves(restored(ProvenRepository, row.body), wanted, mode)
    except LedgerError:
        return False


def _proves(proof: ProvenRepository, wanted: Off, mode: Mode) -> bool:
    return wanted <= proof.off and (proof.mode is Mode.ENFORCE or mode is Mode.REPORT)
