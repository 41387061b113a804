"""Collections in pages."""

import pytest

from tests.localcloud.arm.asking import SUBSCRIPTION, Asker, asking, container_app

APPS = f"{SUBSCRIPTION}/providers/Microsoft.App/containerApps"


async def pages(it: Asker) -> list[list[str]]:
    answer = await it.ask(APPS)
    found = [answer.names]
    while link := answer.body.get("nextLink"):
        answer = await it.follow(link)
        assert answer.status == 200, answer.text
        found.append(answer.names)
    return found


def place(it: Asker, count: int) -> list[str]:
    names = [f"app-{number:03}" for number in range(count)]
    it.arm.place(container_app(name, group=f"g{name[-1]}") for name in names)
    return names


@pytest.mark.parametrize(("count", "sizes"), [(0, [1]), (1, [2]), (2, [2, 1]), (3, [2, 2]), (4, [2, 2, 1])])
async def test_pages_hold_everything_once_and_the_last_has_no_successor(count: int, sizes: list[int]) -> None:
    async with asking() as it:
        it.arm.options.change({"page_size": 2})
        names = place(it, count)
        found = await pages(it)
    assert sorted(name for page in found for name in page) == sorted([*names, "shop"])
    assert [len(page) for page in found] == sizes


async def test_what_appears_behind_the_token_is_seen_and_what_disappears_is_not() -> None:
    async with asking() as it:
        it.arm.options.change({"page_size": 2})
        place(it, 3)
        first = await it.ask(APPS)
        it.arm.place([container_app("late", group="zz"), container_app("early", group="aa")])
        await it.arm.delete(container_app("app-002", group="g2")["id"])
        rest = await it.follow(first.body["nextLink"])
    assert (first.names, rest.names) == (["shop", "app-000"], ["app-001", "late"])


async def test_token_and_its_parameter_are_found_in_any_spelling() -> None:
    async with asking() as it:
        it.arm.options.change({"page_size": 1})
        place(it, 1)
        link = (await it.ask(APPS)).body["nextLink"]
        assert "%24skiptoken=" in link
        for spelled in (link, link.replace("%24skiptoken", "$skipToken")):
            assert (await it.follow(spelled)).status == 200


@pytest.mark.parametrize("token", ["x", "AAAA", "%00", "b3RoZXI="])
async def test_token_never_given_out_is_refused(token: str) -> None:
    async with asking() as it:
        answer = await it.follow(f"{it.arm.endpoint}{APPS}?api-version=2025-07-01&$skiptoken={token}")
    assert (answer.status, answer.code) == (400, "InvalidSkipToken")


async def test_first_page_may_be_empty_and_still_have_a_successor() -> None:
    async with asking() as it:
        it.arm.options.change({"first_page": "empty"})
        assert await pages(it) == [[], ["shop"]]


async def test_last_page_may_be_silent_about_its_successor() -> None:
    async with asking() as it:
        it.arm.options.change({"last_next_link": "absent"})
        assert "nextLink" not in (await it.ask(APPS)).body
