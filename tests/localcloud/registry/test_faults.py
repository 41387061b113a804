"""Each fault as a client meets it, and how a fault is described."""

import asyncio
from typing import Any

import aiohttp
import pytest

from localcloud.faults import Fault, Faults, InvalidFault
from localcloud.registry.content import digest_of
from localcloud.registry.server import Registry
from localcloud.registry.synthetic import image
from tests.localcloud.registry.caller import Caller

OTHER = f"sha256:{'1' * 64}"
TAG = "/acr/v1/app/_tags/v1"
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(autouse=True)
def seeded(registry: Registry) -> None:
    images = [{"number": number, "tags": [f"v{number}"]} for number in (1, 2, 3)]
    registry.store.seed({"repositories": [{"name": "app", "images": images}]})


def break_next(registry: Registry, action: dict[str, Any], **rule: Any) -> None:
    registry.faults.add(Fault.from_json({"action": action, **rule}))


@pytest.mark.parametrize("status", [404, 405, 500, 502, 503])
async def test_status_is_answered_as_often_as_told_and_nothing_changes(
    caller: Caller, registry: Registry, status: int
) -> None:
    break_next(registry, {"type": "status", "status": status}, method="PATCH", kind="tag", times=2)
    answers = [await caller.ask("PATCH", TAG, {"writeEnabled": False}) for _ in range(2)]
    assert [each.status for each in answers] == [status, status]
    assert registry.store.tag("app", "v1").flags.write
    assert (await caller.ask("PATCH", TAG, {"writeEnabled": False})).status == 200


async def test_body_and_headers_of_an_answer_may_be_chosen(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "status", "status": 503, "body": "<html>", "headers": {"Retry-After": "7"}})
    got = await caller.ask("GET", TAG)
    assert (got.status, got.body, got.headers["Retry-After"]) == (503, b"<html>", "7")


async def test_fault_hits_only_its_method_kind_and_path(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "status", "status": 500}, method="PATCH", kind="tag", match="_tags/v2", times=None)
    assert (await caller.ask("GET", "/acr/v1/app/_tags/v2")).status == 200
    assert (await caller.ask("PATCH", TAG, {})).status == 200
    assert (await caller.ask("PATCH", "/acr/v1/app/_tags/v2", {})).status == 500
    assert (await caller.ask("PATCH", "/acr/v1/app/_tags/v2", {})).status == 500


async def test_attributes_are_patched_as_manifest_and_read_as_manifest_attributes(
    caller: Caller, registry: Registry
) -> None:
    path = f"/acr/v1/app/_manifests/{registry.store.tag('app', 'v1').digest}"
    break_next(registry, {"type": "status", "status": 500}, method="PATCH", kind="manifest")
    break_next(registry, {"type": "status", "status": 502}, method="GET", kind="manifest attributes")
    assert (await caller.ask("PATCH", path, {})).status == 500
    assert (await caller.ask("GET", path)).status == 502


async def test_throttling_fault_answers_as_the_registry_does(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "throttled", "retry_after_seconds": 3})
    break_next(registry, {"type": "throttled"})
    got = await caller.ask("GET", TAG)
    assert (got.status, got.error, got.headers["Retry-After"]) == (429, "TOOMANYREQUESTS", "3")
    assert "Retry-After" not in (await caller.ask("GET", TAG)).headers


@pytest.mark.parametrize("error", ["insufficient_scope", "invalid_token"])
async def test_challenge_fault_is_the_registrys_own_challenge(caller: Caller, registry: Registry, error: str) -> None:
    break_next(registry, {"type": "challenge", "error": error})
    got = await caller.ask("GET", TAG)
    realm = f'Bearer realm="https://{caller.service}/oauth2/token",service="{caller.service}"'
    scope = 'scope="repository:app:metadata_read"'
    assert (got.status, got.headers["WWW-Authenticate"]) == (401, f'{realm},{scope},error="{error}"')


async def test_challenge_may_name_a_foreign_realm_service_and_scope(caller: Caller, registry: Registry) -> None:
    foreign = {"realm": "https://evil.example/token", "service": "evil.example", "scope": "repository:*:*"}
    break_next(registry, {"type": "challenge", **foreign})
    got = await caller.ask("GET", TAG)
    expected = 'Bearer realm="https://evil.example/token",service="evil.example",scope="repository:*:*"'
    assert got.headers["WWW-Authenticate"] == expected


async def test_reset_before_changes_nothing_and_reset_after_has_changed_it(caller: Caller, registry: Registry) -> None:
    for when, write in (("before", True), ("after", False)):
        break_next(registry, {"type": "reset", "when": when})
        with pytest.raises(aiohttp.ClientConnectionError):
            await caller.ask("PATCH", TAG, {"writeEnabled": False})
        assert registry.store.tag("app", "v1").flags.write is write
    assert [each.status for each in registry.traffic.remembered] == [0, 0]


@pytest.mark.parametrize(("when", "write"), [("before", True), ("after", False)])
async def test_silence_never_answers(caller: Caller, registry: Registry, when: str, write: bool) -> None:
    break_next(registry, {"type": "silence", "when": when})
    waiting = asyncio.create_task(caller.ask("PATCH", TAG, {"writeEnabled": False}))
    while not registry.traffic.total:  # noqa: ASYNC110  # the other side is a server
        await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    assert registry.store.tag("app", "v1").flags.write is write


async def test_delay_comes_before_the_true_answer(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "delay", "seconds": 0.05})
    assert (await caller.ask("GET", TAG)).status == 200
    assert not registry.faults.pending


async def test_truncated_body_ends_before_its_announced_length(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "truncated", "part": 0.5})
    with pytest.raises(aiohttp.ClientPayloadError):
        await caller.ask("GET", TAG)


async def test_partial_listing_looks_complete(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "partial_listing", "keep": 1})
    got = await caller.ask("GET", "/acr/v1/app/_tags?n=2")
    assert [each["name"] for each in got.json["tags"]] == ["v1"]
    assert "Link" not in got.headers


async def test_link_may_lead_elsewhere(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "link", "target": "https://evil.example/acr/v1/app/_tags"})
    got = await caller.ask("GET", "/acr/v1/app/_tags")
    assert got.headers["Link"] == '<https://evil.example/acr/v1/app/_tags>; rel="next"'


async def test_redirect_leads_to_another_host(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "redirect", "location": "https://evil.example/"})
    got = await caller.ask("GET", TAG)
    assert (got.status, got.headers["Location"]) == (307, "https://evil.example/")


async def test_answer_may_speak_of_another_repository_or_digest(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "other_repository", "repository": "other"})
    assert (await caller.ask("GET", TAG)).json["imageName"] == "other"
    break_next(registry, {"type": "other_digest", "digest": OTHER})
    assert (await caller.ask("GET", TAG)).json["tag"]["digest"] == OTHER
    break_next(registry, {"type": "other_digest", "digest": OTHER})
    got = await caller.ask("GET", "/v2/app/manifests/v1", accept=OCI)
    assert got.headers["Docker-Content-Digest"] == OTHER
    assert digest_of(got.body) == registry.store.tag("app", "v1").digest


async def test_content_type_may_be_wrong(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "content_type", "content_type": "text/plain"})
    assert (await caller.ask("GET", TAG)).headers["Content-Type"] == "text/plain"


async def test_body_may_be_huge(caller: Caller, registry: Registry) -> None:
    break_next(registry, {"type": "huge_body", "megabytes": 50})
    got = await caller.ask("GET", TAG)
    assert (got.status, len(got.body) > 50 * 1024 * 1024) == (200, True)


async def test_push_may_be_broken_after_it_was_stored(caller: Caller, registry: Registry) -> None:
    # The client repeats a PUT once by itself.
    break_next(registry, {"type": "reset", "when": "after"}, method="PUT", kind="manifest", times=2)
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.ask("PUT", "/v2/app/manifests/new", image(1), content_type=OCI)
    assert registry.store.tag("app", "new").digest == registry.store.tag("app", "v1").digest


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "fault is"),
        ({}, "fault.action is"),
        ({"action": {"type": "explode"}}, "fault.action.type is 'explode'"),
        ({"action": {"type": "status"}}, "fault.action.status is missing"),
        ({"action": {"type": "status", "status": "500"}}, "fault.action.status is '500'"),
        ({"action": {"type": "status", "status": True}}, "fault.action.status is True"),
        ({"action": {"type": "status", "status": 500, "headers": {"a": 1}}}, "fault.action.headers is"),
        ({"action": {"type": "reset", "when": "later"}}, "fault.action.when is 'later'"),
        ({"action": {"type": "delay", "seconds": -1}}, "fault.action.seconds is -1"),
        ({"action": {"type": "throttled", "seconds": 1}}, "fault.action.seconds is 1"),
        ({"action": {"type": "reset"}, "times": "2"}, "fault.times is '2'"),
        ({"action": {"type": "reset"}, "verb": "GET"}, "fault.verb is 'GET'"),
        ({"action": {"type": "reset"}, "method": 1}, "fault.method is 1"),
        ({"action": {"type": "reset"}, "kind": "tga"}, "fault.kind is 'tga'"),
    ],
)
def test_wrong_description_names_the_field(document: object, field: str) -> None:
    with pytest.raises(InvalidFault) as caught:
        Fault.from_json(document, kinds={"tag"})
    assert str(caught.value).startswith(field)


def test_first_fault_that_matches_is_taken_and_skipped_turns_pass() -> None:
    faults = Faults()
    faults.add(Fault.from_json({"action": {"type": "status", "status": 500}, "skip": 1}))
    faults.add(Fault.from_json({"action": {"type": "status", "status": 404}, "times": None}))
    taken = [faults.take("GET", "tag", "/x") for _ in range(4)]
    assert [getattr(each, "status", None) for each in taken] == [404, 500, 404, 404]
    faults.clear()
    assert faults.take("GET", "tag", "/x") is None
