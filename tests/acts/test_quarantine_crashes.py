"""The process dies at any request to the registry or any write to the ledger: due work leads to the same end."""

from collections.abc import Awaitable, Callable

import pytest

from localcloud.tls import Authority
from taglock.domain.acts.act import Phase
from taglock.domain.reference import Digest, Repository, Tag
from taglock.enforcement.acts.joining import join_quarantine, leave_quarantine
from tests.acts.world import CLOSED, ActWorld, Killed, acting
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

CHILDREN = [plain("amd64"), plain("arm64")]
ROOT = index(*CHILDREN)
ALL = (*CHILDREN, ROOT)
TAGS = ("2.0.0", "latest", "arm")
MOST = 60


async def begun(made: ActWorld) -> None:
    """Push an index with a locked release, a floating tag, and a tag on a child."""
    for child in CHILDREN:
        made.push(None, child)
    await made.pushing.deliver(made.push("2.0.0", ROOT))
    made.push("latest", ROOT)
    made.push("arm", CHILDREN[1])


def is_quarantined(made: ActWorld) -> bool:
    return not any(made.flags(each).read or made.flags(each).delete for each in ALL) and not any(
        made.tag_flags(tag).read or made.tag_flags(tag).delete for tag in TAGS
    )


def is_as_before(made: ActWorld) -> bool:
    tags = [made.tag_flags(tag) for tag in TAGS] == [LOCKED_TAG, OPEN, OPEN]
    return tags and all(made.flags(each) == UNDELETABLE for each in ALL)


Killing = Callable[[ActWorld, int], None]


def before_request(made: ActWorld, number: int) -> None:
    made.dying(number)


def after_request(made: ActWorld, number: int) -> None:
    made.dying(number, after=True)


def before_write(made: ActWorld, number: int) -> None:
    made.rows.die_before_write = number


KILLINGS: dict[str, Killing] = {
    "before a request": before_request,
    "after a request": after_request,
    "before a write": before_write,
}


async def killed(made: ActWorld, call: Awaitable[object]) -> bool:
    try:
        await call
    except Killed:
        return True
    finally:
        made.restarted()
    return False


@pytest.mark.parametrize("killing", KILLINGS)
async def test_a_quarantine_that_died_anywhere_did_nothing_or_is_completed(authority: Authority, killing: str) -> None:
    for number in range(MOST):
        async with acting(authority) as made:
            await begun(made)
            KILLINGS[killing](made, number)
            died = await killed(made, made.quarantine("2.0.0"))
            if await made.due():
                made.later(minutes=1)
            touched = not is_as_before(made)
            await made.settle()
            marked = bool((await made.marks()).by_target)
            assert is_quarantined(made) if marked else is_as_before(made)
            assert marked or not touched, f"number {number} left something behind"
            again = await made.quarantine("2.0.0")
            assert again.joined == marked
            assert is_quarantined(made)
            await made.lift(again.act.id)
            assert is_as_before(made)
            assert (await made.marks()).by_target == {}
            if not died:
                assert number > 3
                return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("killing", KILLINGS)
async def test_a_lift_that_died_anywhere_is_completed_or_can_be_asked_again(authority: Authority, killing: str) -> None:
    for number in range(MOST):
        async with acting(authority) as made:
            await begun(made)
            answer = await made.quarantine("2.0.0")
            KILLINGS[killing](made, number)
            died = await killed(made, made.lift(answer.act.id))
            if await made.due():
                made.later(minutes=1)
            await made.settle()
            act = (await made.shown(answer.act.id)).act
            assert act.phase in (Phase.OPEN, Phase.ENDED)
            assert is_as_before(made) if act.phase is Phase.ENDED else is_quarantined(made)
            await made.lift(answer.act.id)
            assert is_as_before(made)
            assert (await made.marks()).by_target == {}
            if not died:
                assert number > 3
                return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("killing", KILLINGS)
async def test_a_tag_that_died_while_joining_or_leaving_ends_where_it_belongs(
    authority: Authority, killing: str
) -> None:
    fix = plain("fix")
    for number in range(MOST):
        async with acting(authority) as made:
            await begun(made)
            await made.quarantine("2.0.0")
            where = made.pushing.login_server, Repository("prod/api")
            made.push("newer", ROOT)
            KILLINGS[killing](made, number)
            app = made.pushing.app
            died = await killed(made, join_quarantine(app, *where, Tag("newer"), Digest(ROOT.digest)))
            if await made.due():
                made.later(minutes=1)
            await made.settle()
            await join_quarantine(made.pushing.app, *where, Tag("newer"), Digest(ROOT.digest))
            assert made.tag_flags("newer") == CLOSED
            made.push("newer", fix)
            KILLINGS[killing](made, number)
            app = made.pushing.app
            died |= await killed(made, leave_quarantine(app, *where, Tag("newer"), Digest(fix.digest)))
            if await made.due():
                made.later(minutes=1)
            await made.settle()
            await leave_quarantine(made.pushing.app, *where, Tag("newer"), Digest(fix.digest))
            assert made.tag_flags("newer") == OPEN
            assert is_quarantined(made)
            if not died:
                assert number > 1
                return
    raise AssertionError("it never came to its end")
