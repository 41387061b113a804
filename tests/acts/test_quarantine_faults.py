"""What was reached stays quarantined, what was not is due work, and the end is the same."""

from copy import replace
from datetime import timedelta

import pytest

from localcloud.faults import Action, Answer, Fault, Reset, Throttled
from localcloud.tls import Authority
from taglock.domain.acts.act import Outcome, Phase
from taglock.domain.ledger import FindingKind
from taglock.enforcement.acts.again import reassert
from taglock.enforcement.context import Limits
from taglock.errors import ActRefused, InvalidConfiguration, LedgerError, NotFound, Refusal, RegistryError
from tests.acts.world import CLOSED, ActWorld, acting
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN, opened_registry

CHILDREN = [plain("amd64"), plain("arm64"), plain("attestation")]
ROOT = index(*CHILDREN)
ALL = (ROOT, *CHILDREN)

FAULTS: dict[str, Action] = {
    "403": Answer(status=403),
    "405": Answer(status=405),
    "429": Throttled(retry_after_seconds=90),
    "500": Answer(status=500),
    "reset before": Reset(when="before"),
    "reset after": Reset(when="after"),
}
PLACES = {
    "tag update": ("PATCH", "tag", ""),
    "root update": ("PATCH", "manifest", ROOT.digest),
    "child update": ("PATCH", "manifest", CHILDREN[1].digest),
    "child read": ("GET", "manifest attributes", CHILDREN[2].digest),
}


def closed(made: ActWorld) -> bool:
    return made.tag_flags("2.0.0") == CLOSED and all(made.flags(each) == CLOSED for each in ALL)


def opened(made: ActWorld) -> bool:
    return made.tag_flags("2.0.0") == OPEN and all(made.flags(each) == OPEN for each in ALL)


async def settled_by_another_process(made: ActWorld) -> None:
    """Let due work go on in a process that was not asked to wait: that wait is on the machine's own clock."""
    while await made.due():
        async with opened_registry(made.pushing.login_server) as registry:
            made.pushing.app = replace(made.pushing.app, registries=lambda _server, fresh=registry: fresh)
            await made.pushing.tick(after=timedelta(minutes=5))
    registry = await made.stack.enter_async_context(opened_registry(made.pushing.login_server))
    made.pushing.app = replace(made.pushing.app, registries=lambda _server: registry)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_quarantine_that_fails_in_part_keeps_what_it_reached_and_is_completed(
    made: ActWorld, place: str, fault: str
) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    method, kind, match = PLACES[place]
    made.pushing.emulator.faults.add(Fault(action=FAULTS[fault], method=method, kind=kind, match=match, times=3))
    answer = await made.quarantine("2.0.0")
    if not answer.complete:
        assert len(await made.due()) == 1
        reached = sum(not made.flags(each).read for each in ALL) + (not made.tag_flags("2.0.0").read)
        assert reached >= (1 if fault == "429" else 4)  # with 429 the registry asks everyone to wait
    await settled_by_another_process(made)
    assert closed(made)
    assert (await made.shown(answer.act.id)).complete
    assert (await made.shown(answer.act.id)).act.phase is Phase.OPEN
    assert await made.findings() == {}
    assert (await made.lift(answer.act.id)).complete
    assert opened(made)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", [place for place in PLACES if "update" in place])
async def test_a_lift_that_fails_in_part_is_completed_and_nothing_stays_half_lifted(
    made: ActWorld, place: str, fault: str
) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    answer = await made.quarantine("2.0.0")
    method, kind, match = PLACES[place]
    made.pushing.emulator.faults.add(Fault(action=FAULTS[fault], method=method, kind=kind, match=match, times=3))
    lifted = await made.lift(answer.act.id)
    if not lifted.complete:
        assert lifted.act.phase is Phase.ENDING
        assert len(await made.due()) == 1
        if place == "child update":
            assert not await made.pulls("2.0.0")
    await settled_by_another_process(made)
    assert opened(made)
    assert (await made.shown(answer.act.id)).act.phase is Phase.ENDED
    assert (await made.marks()).by_target == {}


async def test_a_refusal_that_lasts_is_a_finding_until_it_ends(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.pushing.emulator.faults.add(
        Fault(action=Answer(status=403), method="PATCH", match=CHILDREN[1].digest, times=4)
    )
    answer = await made.quarantine("2.0.0")
    assert next(each.outcome for each in answer.targets if each.target.name == CHILDREN[1].digest) is Outcome.FAILED
    await made.pushing.tick(after=timedelta(minutes=2))
    assert FindingKind.QUARANTINE_BROKEN in await made.findings()
    await made.settle()
    assert await made.findings() == {}
    assert closed(made)


async def test_a_quarantine_is_never_given_up(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.pushing.emulator.faults.add(
        Fault(action=Answer(status=403), method="PATCH", match=CHILDREN[1].digest, times=None)
    )
    await made.quarantine("2.0.0")
    for _ in range(60):
        await made.pushing.tick(after=timedelta(hours=1))
    assert len(await made.due()) == 1
    assert FindingKind.QUARANTINE_BROKEN in await made.findings()
    made.pushing.emulator.faults.clear()
    await made.settle()
    assert closed(made)


async def test_without_the_ledger_nothing_is_asked_to_change(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.rows.down = True
    with pytest.raises(LedgerError):
        await made.quarantine("2.0.0")
    assert made.patched() == []
    assert opened(made)


async def test_a_ledger_that_fails_in_the_middle_leaves_work_that_is_completed(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    dying = made.dying()
    inner_update = dying.inner.update_tag

    async def update_and_fail(update: object) -> object:
        made.rows.down = True
        return await inner_update(update)  # type: ignore[arg-type]

    dying.update_tag = update_and_fail  # type: ignore[attr-defined]
    answer = await made.quarantine("2.0.0")
    assert not answer.complete or answer.act.phase is Phase.BEGINNING
    assert not made.tag_flags("2.0.0").read
    made.restarted()
    made.later(minutes=1)
    await made.settle()
    assert closed(made)


async def test_an_unreadable_root_changes_nothing(made: ActWorld) -> None:
    with pytest.raises(NotFound):
        await made.quarantine("9.9.9")
    made.push("1.0.0", plain("api"))
    made.pushing.emulator.faults.add(Fault(action=Answer(status=500), method="GET", times=None))
    with pytest.raises(RegistryError):
        await made.quarantine("1.0.0")
    assert made.patched() == []
    assert await made.due() == []


async def test_a_broken_rule_file_keeps_nobody_from_quarantining(made: ActWorld) -> None:
    def broken() -> object:
        raise InvalidConfiguration.at("lock_rules.toml", "nonsense", "rules")

    await made.pushing.deliver(made.push("1.4.2", plain("api")))
    before = made.tag_flags("1.4.2"), made.flags(plain("api"))
    made.pushing.app = replace(made.pushing.app, rules=broken)  # type: ignore[arg-type]
    answer = await made.quarantine("1.4.2")
    assert answer.complete
    assert not await made.pulls("1.4.2")
    assert (await made.lift(answer.act.id)).complete
    assert (made.tag_flags("1.4.2"), made.flags(plain("api"))) == before


async def test_what_takes_longer_than_a_call_is_due_work(authority: Authority) -> None:
    async with acting(authority, limits=Limits(event_seconds=0.5, due_seconds=5.0, parallel_requests=1)) as made:
        made.push_index("2.0.0", ROOT, *CHILDREN)
        await made.quarantine("2.0.0", repository="prod/api")
        await made.lift((await made.quarantine("2.0.0")).act.id)
        made.pushing.emulator.options.latency_seconds = 0.2
        answer = await made.quarantine("2.0.0")
        assert not answer.complete or answer.act.phase is Phase.BEGINNING
        assert len(await made.due()) == 1
        made.later(minutes=1)
        made.pushing.emulator.options.latency_seconds = 0
        await made.settle()
        assert closed(made)


async def test_more_than_the_limit_is_refused_before_anything_is_changed(authority: Authority) -> None:
    async with acting(authority, limits=Limits(event_seconds=5.0, closure=3)) as made:
        made.push_index("2.0.0", ROOT, *CHILDREN)
        with pytest.raises(ActRefused) as refused:
            await made.quarantine("2.0.0")
        assert refused.value.refusal is Refusal.LIMIT_EXCEEDED
        assert made.patched() == []


@pytest.mark.parametrize("readable", [True, False])
async def test_an_index_that_names_no_children_is_quarantined_by_its_content_or_says_so(
    made: ActWorld, readable: bool
) -> None:
    made.pushing.emulator.options.index_references = "absent"
    made.push_index("2.0.0", ROOT, *CHILDREN)
    if not readable:
        made.pushing.emulator.faults.add(
            Fault(action=Answer(status=403), method="GET", match="/v2/prod/api/manifests", times=None)
        )
    answer = await made.quarantine("2.0.0")
    assert not made.flags(ROOT).read
    assert [made.flags(child).read for child in CHILDREN] == [not readable] * 3
    assert any("nobody names its children" in text for text in answer.surroundings.unread) is not readable
    if readable:
        made.set_manifest(CHILDREN[0], read=True)
        await reassert(made.pushing.app, answer.act.id)
        assert closed(made)
