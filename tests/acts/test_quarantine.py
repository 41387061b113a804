"""A quarantined image cannot be pulled by anything that points at it, and a lift restores exactly what was there."""

from tests.acts.world import CLOSED, ActWorld, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN

CHILDREN = [plain("amd64"), plain("arm64"), plain("attestation")]
ROOT = index(*CHILDREN)


async def test_nothing_of_a_quarantined_index_can_be_pulled_by_tag_digest_or_child(made: ActWorld) -> None:
    made.push_index("2.0.0", ROOT, *CHILDREN)
    made.push("latest", ROOT)
    made.push("arm", CHILDREN[1])
    answer = await made.quarantine("2.0.0")
    assert answer.complete
    references = ["2.0.0", "latest", "arm", ROOT.digest, *(child.digest for child in CHILDREN)]
    assert [await made.pulls(each) for each in references] == [False] * 7
    assert all(made.tag_flags(tag) == CLOSED for tag in ("2.0.0", "latest", "arm"))
    assert await made.due() == []
    lifted = await made.lift(answer.act.id)
    assert lifted.complete
    assert [await made.pulls(each) for each in references] == [True] * 7
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN))
    assert all(made.tag_flags(tag) == OPEN for tag in ("2.0.0", "latest", "arm"))
    assert await made.due() == []
    assert (await made.marks()).by_target == {}


async def test_a_locked_release_is_locked_as_before_when_its_quarantine_is_lifted(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.4.2", plain("api")))
    before = made.tag_flags("1.4.2"), made.flags(plain("api"))
    answer = await made.quarantine(digest=plain("api").digest)
    assert not await made.pulls("1.4.2")
    await made.lift(answer.act.id)
    assert (made.tag_flags("1.4.2"), made.flags(plain("api"))) == before
    assert set(outcomes(answer)) == {"1.4.2", plain("api").digest[7:19]}
