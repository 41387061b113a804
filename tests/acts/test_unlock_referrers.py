"""What refers to a release and was locked with it is unlocked with it, and locked again."""

from taglock.domain.acts.act import Outcome
from tests.acts.loosened import CHILDREN, ROOT, delete_over_http, ended, released, retired, unlocked
from tests.acts.world import ActWorld, outcomes
from tests.pushing.images import referrer
from tests.pushing.world import OPEN, RULES, UNDELETABLE

SIGNED = RULES + "referrers = true\n"
SIGNATURE = referrer("signature", subject=ROOT)
OF_A_CHILD = referrer("of a child", subject=CHILDREN[0])
COUNTERSIGNATURE = referrer("countersignature", subject=SIGNATURE)
REFERRERS = [SIGNATURE, OF_A_CHILD, COUNTERSIGNATURE]


async def signed(made: ActWorld) -> None:
    made.pushing.with_rules(SIGNED)
    for each in (*CHILDREN, ROOT, *REFERRERS):
        made.push(None, each)
    await released(made)
    await made.settle()


async def test_referrers_are_unlocked_and_locked_again(made: ActWorld) -> None:
    await signed(made)
    assert all(made.flags(each) == UNDELETABLE for each in REFERRERS)
    answer = await unlocked(made, "1.0.0")
    assert answer.complete and answer.surroundings.unread == ()
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN, *REFERRERS))
    await ended(made, answer.act.id)
    assert all(made.flags(each) == UNDELETABLE for each in (ROOT, *CHILDREN, *REFERRERS))


async def test_a_signature_of_a_kept_manifest_is_kept(made: ActWorld) -> None:
    await signed(made)
    await made.hold(digest=CHILDREN[0].digest)
    answer = await unlocked(made, "1.0.0")
    assert outcomes(answer)[OF_A_CHILD.digest[7:19]] is Outcome.KEPT
    assert made.flags(OF_A_CHILD) == UNDELETABLE and made.flags(SIGNATURE) == OPEN


async def test_a_retired_release_can_be_deleted_with_its_signatures(made: ActWorld) -> None:
    await signed(made)
    await retired(made, "1.0.0")
    found = [await delete_over_http(made, each) for each in (COUNTERSIGNATURE, OF_A_CHILD, SIGNATURE, ROOT)]
    assert found == [202] * 4
    await made.settle()


async def test_without_such_a_rule_nobody_is_asked(made: ActWorld) -> None:
    await released(made)
    made.push(None, SIGNATURE)
    made.set_manifest(SIGNATURE, delete=False)
    made.pushing.clear()
    await unlocked(made, "1.0.0")
    assert not any("referrers" in kind for kind in made.requests())
    assert not made.flags(SIGNATURE).delete
