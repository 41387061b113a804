"""What listings showed about people's acts, looked at once more: only what still is so is told, and made good.

An audit reads for minutes, and people act meanwhile. So before anything is said, the marks are read again and then the
target: what was read in that order while the same act was open is the act's own affair or somebody's from outside.
"""

from collections.abc import Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActTarget, Outcome, Phase, act_key, act_target_key
from taglock.domain.audit.acts_here import ActsHere, Strayed
from taglock.domain.audit.differences import Differences
from taglock.domain.audit.rows import PlannedImage, planned_target
from taglock.domain.audit.scene import Judged, Scene
from taglock.domain.audit_report import Unread
from taglock.domain.ledger import FindingKind, restored
from taglock.domain.listing import ListedTag
from taglock.domain.reference import Digest, Tag, Target, TargetKind
from taglock.domain.row import Row, RowKey
from taglock.domain.state import ManifestState, RepositoryState
from taglock.enforcement.acts.marking import marks_of
from taglock.enforcement.audit.asking import for_each
from taglock.enforcement.audit.looking_up import LookUps, Missing, Unknown
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError

LEFT_BY_GRANTS = (
    FindingKind.CLOSURE_INCOMPLETE,
    FindingKind.LOOSENED,
    FindingKind.RELEASE_MISSING,
    FindingKind.TAG_MOVED,
)
"""What an unlock that began after the marks were read looks like."""
OPEN_PHASES = (Phase.BEGINNING, Phase.OPEN)
UNFINISHED = (Outcome.WAITING, Outcome.FAILED)
"""What an act has not proved yet is its own due work, and is told by it."""
READ_AT_ONCE = 250


async def meet_acts(app: Enforcement, scene: Scene, judged: Judged, look_ups: LookUps) -> None:
    """Add to a judgement what acts want and is not so, and take out what people are about; raises LedgerError."""
    if not judged.strayed and not any(kind in LEFT_BY_GRANTS for kind, _ in judged.findings):
        return
    now = ActsHere(scene.registry, scene.repository, await marks_of(app.rows, scene.registry, scene.repository))
    _forget(judged, scene, now)
    strayed = [each for each in judged.strayed if now.still(each)]
    if not strayed:
        return
    acts = _Acts(app, look_ups)
    await acts.read(strayed)
    again = _Again(look_ups)
    await for_each([each for each in strayed if acts.has_proved(each)], again.look)
    judged.pending += sum(acts.goes_on(each) for each in strayed)
    differences = Differences(scene, judged)
    for each in again.confirmed:
        differences.strayed(each)
    judged.reasserted += acts.of(again.confirmed)


def _forget(judged: Judged, scene: Scene, now: ActsHere) -> None:
    """Forget what was found about targets that a person has unlocked or given up since the marks were read first."""
    spared = now.spared_since(scene.now)
    names = {str(target) for target in spared}
    for key in [key for key in judged.findings if key[1] in names]:
        del judged.findings[key]
    judged.planned[:] = [
        each
        for each in judged.planned
        if not isinstance(each, PlannedImage) or planned_target(scene.registry, each) not in spared
    ]


class _Acts:
    """The acts behind strayed targets, and what they know of these."""

    def __init__(self, app: Enforcement, look_ups: LookUps) -> None:
        self._app = app
        self._look_ups = look_ups
        self._acts: dict[str, Act] = {}
        self._targets: dict[tuple[str, Target], ActTarget] = {}

    async def read(self, strayed: Sequence[Strayed]) -> None:
        ids = sorted({each.want.act for each in strayed})
        self._acts = {act.id: act for act in await self._rows(Act, [act_key(each) for each in ids])}
        for act_id in ids:
            keys = [act_target_key(act_id, each.target) for each in strayed if each.want.act == act_id]
            self._targets |= {(act_id, each.target): each for each in await self._rows(ActTarget, keys)}

    async def _rows[T: Act | ActTarget](self, kind: type[T], keys: Sequence[RowKey]) -> list[T]:
        rows: list[Row | None] = []
        for start in range(0, len(keys), READ_AT_ONCE):
            rows += await self._app.rows.read(keys[start : start + READ_AT_ONCE])
        found = [self._restored(kind, row) for row in rows if row is not None]
        return [each for each in found if each is not None]

    def _restored[T: Act | ActTarget](self, kind: type[T], row: Row) -> T | None:
        try:
            return restored(kind, row.body)
        except LedgerError as error:
            self._look_ups.unread.append(Unread(subject=f"ledger {row.key.partition} {row.key.key}", reason=str(error)))
            return None

    def goes_on(self, strayed: Strayed) -> bool:
        """Tell whether an act is still about a target, so that nobody else has to be."""
        known = self._targets.get((strayed.want.act, strayed.target))
        return self._is_open(strayed) and known is not None and known.outcome in UNFINISHED

    def has_proved(self, strayed: Strayed) -> bool:
        """Tell whether an open act believes a target to be as it should be."""
        return self._is_open(strayed) and not self.goes_on(strayed)

    def _is_open(self, strayed: Strayed) -> bool:
        act = self._acts.get(strayed.want.act)
        return act is None or act.phase in OPEN_PHASES  # of an act that cannot be read it is told at least

    def of(self, strayed: Sequence[Strayed]) -> list[Act]:
        ids = {each.want.act for each in strayed}
        return [act for act_id, act in self._acts.items() if act_id in ids]


class _Again:
    """Reads strayed targets once more."""

    def __init__(self, look_ups: LookUps) -> None:
        self._look_ups = look_ups
        self.confirmed: list[Strayed] = []

    async def look(self, strayed: Strayed) -> None:
        found = await self._found(strayed.target)
        if isinstance(found, Missing | Unknown):
            return  # gone, so nobody can pull it; or noted as unread
        if strayed.digest is not None:
            still = isinstance(found, ListedTag) and found.digest == strayed.digest
        else:
            still = not strayed.want.off <= found.off
        if still:
            self.confirmed.append(replace(strayed, off=found.off))

    async def _found(self, target: Target) -> ListedTag | ManifestState | RepositoryState | Missing | Unknown:
        match target.kind:
            case TargetKind.TAG:
                return await self._look_ups.tag(Tag(target.name))
            case TargetKind.MANIFEST:
                return await self._look_ups.state(Digest(target.name))
            case TargetKind.REPOSITORY:
                return await self._look_ups.own()
