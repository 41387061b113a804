"""Listings: orders, pages, Link headers, and what is left out."""

import pytest

from localcloud.registry.server import Registry
from localcloud.registry.times import parse, text_of
from tests.localcloud.registry.caller import Caller, Clock


def link_of(path: str) -> str:
    return f'<{path}>; rel="next"'


async def names(caller: Caller, path: str) -> list[str]:
    return [each["name"] for each in (await caller.ask("GET", path)).json["tags"]]


async def all_pages(caller: Caller, path: str, key: str) -> list[str]:
    found: list[str] = []
    while path:
        got = await caller.ask("GET", path)
        found += [each["name"] if key == "tags" else each["digest"] for each in got.json[key]]
        path = got.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return found


@pytest.fixture
def seeded(registry: Registry) -> Registry:
    registry.store.seed({"repositories": [{"name": "team/app", "bulk": [{"images": 7, "tag": "v{:02}"}]}]})
    return registry


async def test_next_link_is_relative_encoded_and_always_names_orderby(caller: Caller, seeded: Registry) -> None:
    got = await caller.ask("GET", "/acr/v1/team/app/_tags?n=2&api-version=2021-07-01")
    assert got.headers["Link"] == link_of("/acr/v1/team%2Fapp/_tags?last=v01&n=2&orderby=")


async def test_next_link_of_manifests_encodes_the_digest(caller: Caller, seeded: Registry) -> None:
    got = await caller.ask("GET", "/acr/v1/team/app/_manifests?n=1&orderby=timeasc")
    last = got.json["manifests"][0]["digest"].replace(":", "%3A")
    assert got.headers["Link"] == link_of(f"/acr/v1/team%2Fapp/_manifests?last={last}&n=1&orderby=timeasc")


async def test_last_page_has_no_link_even_when_exactly_full(caller: Caller, seeded: Registry) -> None:
    got = await caller.ask("GET", "/acr/v1/team/app/_tags?n=7")
    assert len(got.json["tags"]) == 7
    assert "Link" not in got.headers


@pytest.mark.parametrize("orderby", ["", "none", "timeasc", "timedesc"])
@pytest.mark.parametrize("key", ["tags", "manifests"])
async def test_pages_of_any_order_bring_everything_once(
    caller: Caller, seeded: Registry, orderby: str, key: str
) -> None:
    found = await all_pages(caller, f"/acr/v1/team/app/_{key}?n=2&orderby={orderby}", key)
    whole = await all_pages(caller, f"/acr/v1/team/app/_{key}?n=100&orderby={orderby}", key)
    assert found == whole
    assert len(set(found)) == 7


async def test_orders_are_lexical_or_by_last_update(caller: Caller, seeded: Registry, clock: Clock) -> None:
    clock.advance(60)
    digest = seeded.store.tag("team/app", "v05").digest
    manifest = seeded.store.content(seeded.store.manifest("team/app", digest))
    seeded.options.change({"missing_content": "allowed"})
    content_type = "application/vnd.oci.image.manifest.v1+json"
    await caller.ask("PUT", "/v2/team/app/manifests/v00", manifest, content_type=content_type)
    assert (await names(caller, "/acr/v1/team/app/_tags"))[:2] == ["v00", "v01"]
    assert (await names(caller, "/acr/v1/team/app/_tags?orderby=timedesc"))[:2] == ["v00", "v06"]
    assert (await names(caller, "/acr/v1/team/app/_tags?orderby=timeasc"))[-2:] == ["v06", "v00"]


async def test_unknown_order_is_refused(caller: Caller, seeded: Registry) -> None:
    assert (await caller.ask("GET", "/acr/v1/team/app/_tags?orderby=size")).status == 400


async def test_last_is_exclusive_and_need_not_exist_in_lexical_order(caller: Caller, seeded: Registry) -> None:
    assert await names(caller, "/acr/v1/team/app/_tags?last=v05") == ["v06"]
    assert await names(caller, "/acr/v1/team/app/_tags?last=v051") == ["v06"]


async def test_tags_of_a_digest_page_on_into_tags_of_others(caller: Caller, registry: Registry) -> None:
    images = [{"number": 1, "tags": ["a", "b", "d"]}, {"number": 2, "tags": ["c"]}]
    registry.store.seed({"repositories": [{"name": "app", "images": images}]})
    digest = registry.store.tag("app", "a").digest
    got = await caller.ask("GET", f"/acr/v1/app/_tags?digest={digest}&n=2")
    assert [each["name"] for each in got.json["tags"]] == ["a", "b"]
    assert got.headers["Link"] == link_of("/acr/v1/app/_tags?last=b&n=2&orderby=")
    assert await names(caller, "/acr/v1/app/_tags?last=b&n=2&orderby=") == ["c", "d"]


async def test_default_page_is_a_hundred_and_a_larger_n_is_capped(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "app", "bulk": [{"images": 1, "tags_per_image": 1200}]}]})
    assert len(await names(caller, "/acr/v1/app/_tags")) == 100
    got = await caller.ask("GET", "/acr/v1/app/_tags?n=5000")
    assert len(got.json["tags"]) == 1000
    assert "n=1000&" in got.headers["Link"]
    registry.options.change({"page_size_above_maximum": "refused"})
    assert (await caller.ask("GET", "/acr/v1/app/_tags?n=5000")).status == 400
    registry.options.change({"page_size_maximum": 10, "page_size_above_maximum": "capped"})
    assert len(await names(caller, "/acr/v1/app/_tags?n=1000")) == 10


@pytest.mark.parametrize("n", ["0", "-1"])
async def test_page_size_that_is_not_positive(caller: Caller, seeded: Registry, n: str) -> None:
    assert (await caller.ask("GET", f"/acr/v1/team/app/_tags?n={n}")).error == "PAGINATION_NUMBER_INVALID"
    seeded.options.change({"page_size_not_positive": "default"})
    assert len(await names(caller, f"/acr/v1/team/app/_tags?n={n}")) == 7


async def test_page_size_that_is_no_number_is_refused(caller: Caller, seeded: Registry) -> None:
    assert (await caller.ask("GET", "/acr/v1/team/app/_tags?n=many")).status == 400


async def test_unlisted_objects_are_left_out_of_every_list(caller: Caller, seeded: Registry) -> None:
    digest = seeded.store.tag("team/app", "v03").digest
    hidden = {"listEnabled": False}
    await caller.ask("PATCH", "/acr/v1/team/app/_tags/v03", hidden)
    await caller.ask("PATCH", f"/acr/v1/team/app/_manifests/{digest}", hidden)
    assert "v03" not in await names(caller, "/acr/v1/team/app/_tags")
    assert len(await names(caller, "/acr/v1/team/app/_tags?n=6")) == 6
    assert "v03" not in (await caller.ask("GET", "/v2/team/app/tags/list")).json["tags"]
    assert digest not in await all_pages(caller, "/acr/v1/team/app/_manifests", "manifests")
    shown = await caller.ask("GET", f"/acr/v1/team/app/_manifests/{digest}")
    assert shown.json["manifest"]["tags"] == ["v03"]
    seeded.options.change({"unlisted_tags_of_manifest": "hidden"})
    shown = await caller.ask("GET", f"/acr/v1/team/app/_manifests/{digest}")
    assert "tags" not in shown.json["manifest"]
    await caller.ask("PATCH", "/acr/v1/team/app", hidden)
    assert (await caller.ask("GET", "/acr/v1/_catalog")).json == {"repositories": []}


async def test_oci_lists_link_relatively_and_follow_their_specification(caller: Caller, seeded: Registry) -> None:
    got = await caller.ask("GET", "/v2/team/app/tags/list?n=3")
    assert got.json == {"name": "team/app", "tags": ["v00", "v01", "v02"]}
    assert got.headers["Link"] == link_of("/v2/team/app/tags/list?last=v02&n=3")
    assert (await caller.ask("GET", "/v2/team/app/tags/list?n=0")).json["tags"] == []
    assert (await caller.ask("GET", "/v2/_catalog")).json == {"repositories": ["team/app"]}


async def test_long_lists_are_sent_in_chunks_without_a_length(caller: Caller, seeded: Registry) -> None:
    got = await caller.ask("GET", "/acr/v1/team/app/_tags")
    assert len(got.body) > 2048
    assert got.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in got.headers


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/acr/v1/app/_tags/none", "TAG_UNKNOWN", "the specified tag does not exist"),
        ("/acr/v1/none/_tags/none", "TAG_UNKNOWN", "the specified tag does not exist"),
        (f"/acr/v1/app/_manifests/sha256:{'0' * 64}", "MANIFEST_UNKNOWN", "manifest unknown"),
        ("/acr/v1/none", "NAME_UNKNOWN", 'repository "none" is not found'),
        ("/acr/v1/none/_tags", "NAME_UNKNOWN", 'repository "none" is not found'),
    ],
)
async def test_absent_objects_answer_as_recorded(
    caller: Caller, registry: Registry, path: str, code: str, message: str
) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 1, "tags": ["v1"]}]}]})
    got = await caller.ask("GET", path)
    assert (got.status, got.json) == (404, {"errors": [{"code": code, "message": message}]})


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/acr/v1/none/_tags/v1", {"code": "TAG_UNKNOWN", "message": "the specified tag does not exist"}),
        (
            f"/v2/app/manifests/sha256:{'0' * 64}",
            {"code": "MANIFEST_UNKNOWN", "message": f"manifest sha256:{'0' * 64} is not found"},
        ),
        (
            "/acr/v1/none",
            {"code": "NAME_UNKNOWN", "message": "repository name not known to registry", "detail": {"name": "none"}},
        ),
    ],
)
async def test_deletes_of_absent_objects_answer_as_recorded(
    caller: Caller, registry: Registry, path: str, error: dict[str, object]
) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 1, "tags": ["v1"]}]}]})
    got = await caller.ask("DELETE", path)
    assert (got.status, got.json) == (404, {"errors": [error]})


@pytest.mark.parametrize(
    "text", ["2022-03-07T23:33:47.2842157Z", "2021-05-10T15:38:30.172007Z", "2021-05-10T15:38:30Z"]
)
def test_times_keep_seven_digits_and_lose_trailing_zeros(text: str) -> None:
    assert text_of(parse(text)) == text


@pytest.mark.parametrize("shape", ["complete", "docker_only", "platforms_only", "absent"])
async def test_references_of_an_index_are_shown_as_switched(caller: Caller, registry: Registry, shape: str) -> None:
    registry.options.change({"index_references": shape})
    indexes = [{"platforms": {"linux/amd64": 1, "linux/arm64": 2}, "tags": ["multi"]}]
    registry.store.seed({"repositories": [{"name": "app", "indexes": indexes}]})
    digest = registry.store.tag("app", "multi").digest
    single = (await caller.ask("GET", f"/acr/v1/app/_manifests/{digest}")).json["manifest"]
    assert len(single.get("references", [])) == (2 if shape in ("complete", "platforms_only") else 0)
    assert "architecture" not in single
    listed = (await caller.ask("GET", "/acr/v1/app/_manifests")).json["manifests"]
    assert all("references" not in each for each in listed)
