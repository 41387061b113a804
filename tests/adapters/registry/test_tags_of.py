"""The tags of one digest: in one request for a page, and never those of another digest."""

import asyncio
import json

import pytest
from aiohttp import web

from taglock.domain.attributes import Attribute
from taglock.errors import UntrustedAnswer
from tests.adapters.registry.conftest import Open
from tests.adapters.registry.peer import DIGEST, OTHER_DIGEST, REPOSITORY, Peer

ON = {"deleteEnabled": True, "writeEnabled": True, "listEnabled": True, "readEnabled": True}


def page(peer: Peer, tags: dict[str, str], link: str = "") -> web.StreamResponse:
    listed = [
        {
            "name": name,
            "digest": digest,
            "createdTime": "2022-03-07T23:33:47.2842157Z",
            "lastUpdateTime": "2022-03-07T23:33:47.2842157Z",
            "signed": False,
            "changeableAttributes": ON | {"readEnabled": name != "closed"},
        }
        for name, digest in tags.items()
    ]
    body = {"registry": peer.login_server, "imageName": REPOSITORY, "tags": listed}
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return web.Response(text=json.dumps(body), content_type="application/json", headers=headers)


async def test_each_page_is_asked_for_by_digest_and_others_are_left_out(peer: Peer, opened: Open) -> None:
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        if "last" not in request.query:
            return page(peer, {"a": DIGEST, "closed": DIGEST}, f"{request.path}?last=closed&n=1000&orderby=")
        return page(peer, {"d": OTHER_DIGEST, "e": DIGEST})

    peer.answer = answer
    found = await opened().tags_of(REPOSITORY, DIGEST)
    assert [(state.target.name, state.off) for state in found] == [
        ("a", frozenset()),
        ("closed", frozenset({Attribute.READ})),
        ("e", frozenset()),
    ]
    assert asked == [{"digest": DIGEST, "n": "1000"}, {"digest": DIGEST, "n": "1000", "last": "closed"}]


@pytest.mark.parametrize("tags", [{}, {"a": DIGEST}], ids=["empty", "the same again"])
async def test_a_page_that_does_not_go_on_is_not_believed(peer: Peer, opened: Open, tags: dict[str, str]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return page(peer, tags, f"{request.path}?last=a&n=1000&orderby=")

    peer.answer = answer
    with pytest.raises(UntrustedAnswer):
        await asyncio.wait_for(opened().tags_of(REPOSITORY, DIGEST), 30)


async def test_a_link_to_another_host_is_not_followed(peer: Peer, opened: Open) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return page(peer, {"a": DIGEST}, f"https://evil.example{request.path}?last=a")

    peer.answer = answer
    with pytest.raises(UntrustedAnswer):
        await opened().tags_of(REPOSITORY, DIGEST)
