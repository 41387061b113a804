"""A preview shows who and what is concerned and changes nothing; what runs is quarantined only when acknowledged."""

import asyncio
import json
from datetime import timedelta

import pytest

from handlers.image_deployed import image_deployed
from localcloud.faults import Answer as Failing
from localcloud.faults import Fault
from taglock.domain.acts.act import ActKind, Outcome, Phase, Place
from taglock.domain.audit.rows import IndexChildren, children_key
from taglock.domain.deployment import Answer
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import stored
from taglock.domain.reference import Digest, LoginServer, Repository
from taglock.domain.row import Upsert
from taglock.enforcement.acts.listing import listed
from taglock.errors import ActRefused, InvalidRequest, Refusal
from tests.acts.world import CLOSED, ActWorld, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN

CHILDREN = [plain("amd64"), plain("arm64")]
ROOT = index(*CHILDREN)
OTHER = index(CHILDREN[0], name="other")


async def deploy(made: ActWorld, *images: str, workload: str = "shop") -> None:
    event = {
        "specversion": "1.0",
        "id": f"event-{workload}",
        "source": "/pipelines/shop",
        "type": "Taglock.ImageDeployed",
        "time": made.pushing.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "data": {"workload": workload, "images": list(images), "environment": "production"},
    }
    await image_deployed(made.pushing.app, json.dumps(event))


def image(made: ActWorld, digest: str, repository: str = "prod/api") -> str:
    return f"{made.pushing.login_server}/{repository}@{digest}"


async def test_a_preview_changes_nothing_and_names_every_target_with_its_prior(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.push("arm", CHILDREN[1])
    made.set_tag("2.0.0", write=False)
    answer = await made.preview("2.0.0")
    assert answer.preview
    assert made.patched() == []
    assert (await made.marks()).by_target == {}
    assert await made.due() == []
    done = await made.quarantine("2.0.0")
    assert {each.target: each.prior for each in answer.targets} == {each.target: each.prior for each in done.targets}
    assert answer.undo == done.undo
    assert len(done.undo) == 5
    assert done.undo[-1] == (
        "az acr repository update --name local --image prod/api:2.0.0 --delete-enabled true --read-enabled true"
    )


async def test_a_preview_names_who_runs_it_who_shares_it_and_where_else_it_is(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.push("other", OTHER)
    made.push_index(None, ROOT, *CHILDREN)
    for child in CHILDREN:
        made.push(None, child, repository="prod/copy")
    await made.pushing.deliver(made.push("2.0.0", ROOT, repository="prod/copy"))
    named = children_key(made.pushing.login_server, Repository("prod/api"), Digest(OTHER.digest))
    children = IndexChildren(children=(Digest(CHILDREN[0].digest),))
    await made.pushing.app.rows.write([Upsert(named, stored(children))])
    await deploy(made, image(made, CHILDREN[1].digest))
    around = (await made.preview("2.0.0")).surroundings
    assert [(each.digest, each.who.answer) for each in around.runs] == [
        (ROOT.digest, Answer.NO),
        (CHILDREN[1].digest, Answer.YES),
    ]
    assert around.acknowledge == ROOT.digest
    assert [each.index.digest for each in around.shares] == [OTHER.digest]
    assert [each.repository for each in around.elsewhere] == ["prod/copy"]


@pytest.mark.parametrize("known", [True, False], ids=["it runs", "nobody knows"])
async def test_what_may_run_is_quarantined_only_when_its_digest_is_acknowledged(made: ActWorld, known: bool) -> None:
    made.push("1.0.0", plain("api"))
    if known:
        await deploy(made, image(made, plain("api").digest))
    else:
        made.later(hours=72)  # the listing of the subscription is too old to say no
    with pytest.raises(ActRefused) as refused:
        await made.quarantine("1.0.0")
    assert refused.value.refusal is Refusal.ACKNOWLEDGE_REQUIRED
    assert refused.value.members["acknowledge"] == plain("api").digest
    with pytest.raises(ActRefused) as differs:
        await made.quarantine("1.0.0", acknowledge=Digest(plain("other").digest))
    assert differs.value.refusal is Refusal.DIGEST_DIFFERS
    assert made.tag_flags("1.0.0").read
    assert (await made.quarantine("1.0.0", acknowledge=Digest(plain("api").digest))).complete


async def test_a_repository_of_which_something_runs_is_acknowledged_by_what_stands_for_that(made: ActWorld) -> None:
    made.push("1.0.0", plain("api"))
    await deploy(made, image(made, plain("api").digest))
    first = (await made.preview()).surroundings.acknowledge
    with pytest.raises(ActRefused):
        await made.quarantine()
    await deploy(made, image(made, plain("api").digest), workload="second")
    with pytest.raises(ActRefused):
        await made.quarantine(acknowledge=Digest(first))
    second = (await made.preview()).surroundings.acknowledge
    assert second != first
    assert (await made.quarantine(acknowledge=Digest(second))).complete
    assert not await made.pulls("1.0.0")


async def test_everywhere_reaches_the_same_digest_in_other_repositories_and_lifts_them_too(made: ActWorld) -> None:
    for repository in ("prod/api", "prod/copy"):
        for child in CHILDREN:
            made.push(None, child, repository=repository)
        await made.pushing.deliver(made.push("2.0.0", ROOT, repository=repository))
    answer = await made.quarantine("2.0.0", everywhere=True)
    assert answer.complete
    assert [place.repository for place in answer.act.places] == ["prod/api", "prod/copy"]
    for repository in ("prod/api", "prod/copy"):
        assert not await made.pulls("2.0.0", repository=repository)
        assert not await made.pulls(CHILDREN[0].digest, repository=repository)
    assert (await made.lift(answer.act.id)).act.phase is Phase.ENDED
    for repository in ("prod/api", "prod/copy"):
        assert await made.pulls("2.0.0", repository=repository)
        assert not made.flags(ROOT, repository=repository).delete


async def test_an_elsewhere_that_cannot_be_read_keeps_nothing_else_waiting_and_is_due_work(made: ActWorld) -> None:
    for repository in ("prod/api", "prod/copy"):
        await made.pushing.deliver(made.push("1.0.0", plain("api"), repository=repository))
    made.pushing.emulator.faults.add(Fault(action=Failing(status=500), match="prod/copy", times=6))
    answer = await made.quarantine("1.0.0", everywhere=True)
    assert not answer.complete
    assert not await made.pulls("1.0.0")
    await made.settle()
    assert not await made.pulls("1.0.0", repository="prod/copy")
    assert (await made.shown(answer.act.id)).act.phase is Phase.OPEN


async def test_the_same_quarantine_asked_for_ten_times_at_once_is_one(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    answers = await asyncio.gather(*(made.quarantine("2.0.0") for _ in range(10)))
    assert len({answer.act.id for answer in answers}) == 1
    assert sum(not answer.joined for answer in answers) == 1
    await made.settle()
    page = await listed(made.pushing.app, ActKind.QUARANTINE, ActsQuery())
    assert len(page.acts) == 1
    await made.lift(answers[0].act.id)
    assert made.tag_flags("2.0.0") == OPEN


async def test_a_quarantine_and_its_lift_at_once_leave_nothing_or_everything(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    before = await made.quarantine("2.0.0")
    lifted, _ = await asyncio.gather(made.lift(before.act.id), made.quarantine("2.0.0"))
    await made.settle()
    assert lifted.act.phase is Phase.ENDED
    marked = bool((await made.marks()).by_target)
    expected = CLOSED if marked else OPEN
    assert made.tag_flags("2.0.0") == expected
    assert all(made.flags(each) == expected for each in (ROOT, *CHILDREN))


async def test_a_tag_that_points_elsewhere_than_was_said_is_refused(made: ActWorld) -> None:
    made.push("1.0.0", plain("api"))
    with pytest.raises(ActRefused) as refused:
        await made.quarantine("1.0.0", digest=plain("other").digest)
    assert refused.value.refusal is Refusal.DIGEST_DIFFERS
    assert refused.value.members["digest"] == plain("api").digest


async def test_a_registry_that_is_not_on_the_allow_list_is_never_asked(made: ActWorld) -> None:
    place = Place(registry=LoginServer("evil.example"), repository=Repository("prod/api"), digest=None)
    with pytest.raises(InvalidRequest):
        await made.quarantine(place=place)


async def test_quarantines_are_listed_newest_first_by_page_and_filter(made: ActWorld) -> None:
    made_ids = []
    for number in range(5):
        made.push(f"1.0.{number}", plain(f"image {number}"), repository=f"prod/{number % 2}")
        answer = await made.quarantine(f"1.0.{number}", repository=f"prod/{number % 2}")
        made_ids.append(answer.act.id)
        made.pushing.clock.advance(timedelta(seconds=1))
    await made.lift(made_ids[4])
    app = made.pushing.app
    pages, following = [], None
    while True:
        page = await listed(app, ActKind.QUARANTINE, ActsQuery(limit=2, after=following))
        pages.append([act.id for act in page.acts])
        following = page.following
        if following is None:
            break
    newest = made_ids[::-1]
    assert pages == [newest[:2], newest[2:4], newest[4:]]
    opened = await listed(app, ActKind.QUARANTINE, ActsQuery(phase=Phase.OPEN, repository=Repository("prod/0")))
    assert [act.id for act in opened.acts] == [made_ids[2], made_ids[0]]
    assert (await listed(app, ActKind.HOLD, ActsQuery())).acts == ()
    assert outcomes(await made.shown(made_ids[0]))["1.0.0"] is Outcome.APPLIED
