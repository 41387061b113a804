"""The distribution API: manifests, blobs, uploads and referrers."""

import json
from typing import Any

import pytest

from localcloud.registry.content import digest_of
from localcloud.registry.events import RegistryEvent
from localcloud.registry.server import Registry
from localcloud.registry.synthetic import CONFIG_TYPE, config, image, layer
from tests.localcloud.registry.caller import Caller, Clock, Got

OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = b'{"architecture":"arm64","os":"linux"}'


def descriptor(body: bytes, media_type: str = "application/octet-stream", **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body), **more}


def manifest(media_type: str = OCI, **more: object) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(CONFIG, CONFIG_TYPE),
        "layers": [descriptor(b"layer")],
    }
    return json.dumps(document | more).encode()


def index(*children: bytes, media_type: str = OCI_INDEX) -> bytes:
    listed = [descriptor(each, OCI, platform={"architecture": "arm64", "os": "linux"}) for each in children]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": listed}).encode()


async def put(caller: Caller, reference: str, body: bytes, media_type: str = OCI) -> Got:
    return await caller.ask("PUT", f"/v2/app/manifests/{reference}", body, content_type=media_type)


async def attributes(caller: Caller, digest: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await caller.ask("GET", f"/acr/v1/app/_manifests/{digest}")).json["manifest"]
    return shown


@pytest.fixture
def blobs(registry: Registry) -> None:
    registry.store.blobs.put("app", CONFIG)
    registry.store.blobs.put("app", b"layer")


# -- manifests ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("blobs")
async def test_pushed_image_shows_its_attributes(caller: Caller, registry: Registry) -> None:
    body = manifest()
    got = await put(caller, "v1", body)
    digest = digest_of(body)
    assert (got.status, got.headers["Docker-Content-Digest"]) == (201, digest)
    assert got.headers["Location"] == f"/v2/app/manifests/{digest}"
    shown = await attributes(caller, digest)
    assert list(shown) == [
        *("digest", "imageSize", "createdTime", "lastUpdateTime", "architecture", "os"),
        *("mediaType", "configMediaType", "tags", "changeableAttributes"),
    ]
    assert shown["imageSize"] == len(CONFIG) + len(b"layer")
    assert (shown["architecture"], shown["os"], shown["configMediaType"]) == ("arm64", "linux", CONFIG_TYPE)
    assert shown["createdTime"] == "2026-03-04T05:06:07.172007Z"


@pytest.mark.usefixtures("blobs")
async def test_artifact_has_size_zero_and_neither_platform_nor_tags(caller: Caller) -> None:
    body = manifest(config=descriptor(CONFIG, "application/vnd.example.config"))
    assert (await put(caller, digest_of(body), body)).status == 201
    shown = await attributes(caller, digest_of(body))
    assert shown["imageSize"] == 0
    assert not {"architecture", "os", "tags", "references"} & set(shown)


@pytest.mark.usefixtures("blobs")
async def test_index_shows_the_sum_of_sizes_and_its_references(caller: Caller) -> None:
    child = manifest()
    await put(caller, digest_of(child), child)
    body = index(child)
    await put(caller, "multi", body, OCI_INDEX)
    shown = await attributes(caller, digest_of(body))
    assert shown["imageSize"] == (await attributes(caller, digest_of(child)))["imageSize"]
    assert shown["references"] == [{"digest": digest_of(child), "architecture": "arm64", "os": "linux"}]
    assert "configMediaType" not in shown


@pytest.mark.usefixtures("blobs")
async def test_tag_keeps_its_creation_time_when_it_moves(caller: Caller, clock: Clock) -> None:
    await put(caller, "v1", manifest())
    clock.advance(60)
    moved = manifest(annotations={"a": "b"})
    await put(caller, "v1", moved)
    shown = (await caller.ask("GET", "/acr/v1/app/_tags/v1")).json["tag"]
    assert (shown["createdTime"], shown["lastUpdateTime"]) == (
        "2026-03-04T05:06:07.172007Z",
        "2026-03-04T05:07:07.172007Z",
    )
    assert shown["digest"] == digest_of(moved)
    assert "tags" not in await attributes(caller, digest_of(manifest()))


@pytest.mark.usefixtures("blobs")
async def test_pull_returns_the_exact_bytes(caller: Caller) -> None:
    body = manifest()
    await put(caller, "v1", body)
    for reference in ("v1", digest_of(body)):
        got = await caller.ask("GET", f"/v2/app/manifests/{reference}", accept=f"{DOCKER}, {OCI}")
        assert (got.body, got.headers["Content-Type"]) == (body, OCI)
        head = await caller.ask("HEAD", f"/v2/app/manifests/{reference}", accept=OCI)
        assert head.headers["Content-Length"] == str(len(body))
        assert head.headers["Docker-Content-Digest"] == digest_of(body)


@pytest.mark.usefixtures("blobs")
@pytest.mark.parametrize(
    ("accept", "status"), [("", 404), ("*/*", 404), (DOCKER, 404), (OCI, 200), (f"{OCI};q=1", 200)]
)
async def test_oci_manifest_needs_its_type_in_accept(
    caller: Caller, registry: Registry, accept: str, status: int
) -> None:
    await put(caller, "v1", manifest())
    assert (await caller.ask("GET", "/v2/app/manifests/v1", accept=accept)).status == status
    registry.options.change({"accept_rules": "lenient"})
    assert (await caller.ask("GET", "/v2/app/manifests/v1", accept=accept)).status == 200


@pytest.mark.usefixtures("blobs")
async def test_docker_types_are_stored_and_served_as_they_are(caller: Caller) -> None:
    child = manifest(DOCKER)
    assert (await put(caller, "v1", child, DOCKER)).status == 201
    body = index(child, media_type=DOCKER_INDEX)
    assert (await put(caller, "multi", body, DOCKER_INDEX)).status == 201
    assert (await caller.ask("GET", "/v2/app/manifests/multi")).body == body


@pytest.mark.usefixtures("blobs")
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"{", OCI),
        (b"[]", OCI),
        (manifest(), DOCKER),
        (manifest(schemaVersion=1), OCI),
        (manifest("application/vnd.unknown"), "application/vnd.unknown"),
        (manifest(config=None), OCI),
        (manifest(layers=[{"mediaType": "a", "digest": "sha256:short", "size": 1}]), OCI),
        (b'{"pad":"' + b" " * 4 * 1024 * 1024 + b'"}', OCI),
    ],
)
async def test_invalid_manifest_is_refused(caller: Caller, body: bytes, media_type: str) -> None:
    got = await put(caller, "v1", body, media_type)
    assert (got.status, got.error) == (400, "MANIFEST_INVALID")


async def test_manifest_over_four_mebibytes_is_too_large(caller: Caller) -> None:
    got = await put(caller, "v1", b" " * (4 * 1024 * 1024 + 1))
    assert got.json["errors"][0]["message"] == "request body too large"


async def test_manifest_with_absent_blobs_or_children_is_refused_or_stored(caller: Caller, registry: Registry) -> None:
    for body, media_type in ((manifest(), OCI), (index(manifest()), OCI_INDEX)):
        got = await put(caller, "v1", body, media_type)
        assert (got.status, got.error) == (400, "MANIFEST_BLOB_UNKNOWN")
    registry.options.change({"missing_content": "allowed"})
    assert (await put(caller, "v1", manifest())).status == 201


@pytest.mark.usefixtures("blobs")
async def test_push_by_another_digest_is_refused(caller: Caller) -> None:
    got = await put(caller, f"sha256:{'0' * 64}", manifest())
    assert (got.status, got.error) == (400, "DIGEST_INVALID")


@pytest.mark.usefixtures("blobs")
async def test_push_by_sha512_is_kept_under_that_digest(caller: Caller) -> None:
    digest = digest_of(manifest(), "sha512")
    assert (await put(caller, digest, manifest())).headers["Docker-Content-Digest"] == digest
    assert (await caller.ask("GET", f"/v2/app/manifests/{digest}", accept=OCI)).body == manifest()


@pytest.mark.parametrize(("reference", "code"), [("sha256:x", "DIGEST_INVALID"), ("-bad", "TAG_INVALID")])
async def test_reference_outside_the_grammar_is_refused(caller: Caller, reference: str, code: str) -> None:
    assert (await put(caller, reference, b"{}")).error == code


@pytest.mark.parametrize("name", ["UPPER", "a//b", "a" * 256, "a/-b"])
async def test_name_outside_the_grammar_is_refused(caller: Caller, name: str) -> None:
    got = await caller.ask("GET", f"/v2/{name}/manifests/v1")
    assert (got.status, got.error) == (400, "NAME_INVALID")


@pytest.mark.usefixtures("blobs")
async def test_delete_takes_a_digest_and_takes_the_tags_along(caller: Caller) -> None:
    await put(caller, "v1", manifest())
    await put(caller, "v2", manifest())
    await put(caller, "keep", manifest(annotations={"a": "b"}))
    assert (await caller.ask("DELETE", "/v2/app/manifests/v1")).error == "UNSUPPORTED"
    assert (await caller.ask("DELETE", f"/v2/app/manifests/{digest_of(manifest())}")).status == 202
    assert (await caller.ask("GET", "/v2/app/tags/list")).json["tags"] == ["keep"]


@pytest.mark.usefixtures("blobs")
@pytest.mark.parametrize("path", ["app/manifests/none", f"app/manifests/sha256:{'0' * 64}", "none/manifests/v1"])
async def test_pull_of_what_is_not_there_is_unknown(caller: Caller, path: str) -> None:
    await put(caller, "v1", manifest())
    got = await caller.ask("GET", f"/v2/{path}", accept=OCI)
    assert (got.status, got.error) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.usefixtures("blobs")
async def test_manifest_of_exactly_four_mebibytes_is_stored(caller: Caller) -> None:
    body = manifest()
    body = body[:-1] + b" " * (4 * 1024 * 1024 - len(body)) + b"}"
    assert (await put(caller, "v1", body)).status == 201


# -- referrers ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("blobs")
async def test_referrers_are_found_by_their_subject_and_filtered_by_type(caller: Caller) -> None:
    image_body = manifest()
    await put(caller, "v1", image_body)
    subject = descriptor(image_body, OCI)
    typed = manifest(subject=subject, artifactType="application/sig", annotations={"a": "b"})
    plain = manifest(subject=subject, config=descriptor(CONFIG, "application/sbom"))
    for body in (typed, plain):
        got = await put(caller, digest_of(body), body)
        assert got.headers["OCI-Subject"] == digest_of(image_body)
    path = f"/v2/app/referrers/{digest_of(image_body)}"
    got = await caller.ask("GET", path)
    assert got.headers["Content-Type"] == OCI_INDEX
    assert {each["artifactType"] for each in got.json["manifests"]} == {"application/sig", "application/sbom"}
    got = await caller.ask("GET", f"{path}?artifactType=application/sig")
    assert got.headers["OCI-Filters-Applied"] == "artifactType"
    assert got.json["manifests"] == [
        {**descriptor(typed, OCI), "artifactType": "application/sig", "annotations": {"a": "b"}}
    ]
    await caller.ask("DELETE", f"/v2/app/manifests/{digest_of(typed)}")
    assert len((await caller.ask("GET", path)).json["manifests"]) == 1


async def test_referrers_of_what_is_no_digest_are_refused(caller: Caller) -> None:
    assert (await caller.ask("GET", "/v2/app/referrers/v1")).error == "DIGEST_INVALID"


async def test_unknown_subject_has_no_referrers(caller: Caller) -> None:
    got = await caller.ask("GET", f"/v2/none/referrers/sha256:{'0' * 64}")
    assert (got.status, got.json["manifests"]) == (200, [])


# -- blobs ----------------------------------------------------------------------------------------------------------


async def upload(caller: Caller) -> str:
    got = await caller.ask("POST", "/v2/app/blobs/uploads/")
    assert got.status == 202
    return got.headers["Location"]


async def test_blob_arrives_in_one_put(caller: Caller) -> None:
    location = await upload(caller)
    got = await caller.ask("PUT", f"{location}&digest={digest_of(b'layer')}", b"layer")
    assert (got.status, got.headers["Location"]) == (201, f"/v2/app/blobs/{digest_of(b'layer')}")
    got = await caller.ask("GET", f"/v2/app/blobs/{digest_of(b'layer')}")
    assert (got.body, got.headers["Docker-Content-Digest"]) == (b"layer", digest_of(b"layer"))


async def test_blob_arrives_in_one_post(caller: Caller) -> None:
    got = await caller.ask("POST", f"/v2/app/blobs/uploads/?digest={digest_of(b'layer')}", b"layer")
    assert got.status == 201


async def test_blob_arrives_in_chunks_in_order(caller: Caller) -> None:
    location = await upload(caller)
    got = await caller.ask("PATCH", location, b"lay", content_range="0-2")
    assert (got.status, got.headers["Range"]) == (202, "0-2")
    late = await caller.ask("PATCH", location, b"er", content_range="4-5")
    assert (late.status, late.error) == (416, "BLOB_UPLOAD_INVALID")
    shown = await caller.ask("GET", location)
    assert (shown.status, shown.headers["Range"]) == (204, "0-2")
    await caller.ask("PATCH", location, b"er", content_range="3-4")
    assert (await caller.ask("PUT", f"{location}&digest={digest_of(b'layer')}", b"")).status == 201
    assert (await caller.ask("GET", location)).error == "BLOB_UPLOAD_UNKNOWN"


async def test_blob_of_another_digest_is_refused(caller: Caller) -> None:
    location = await upload(caller)
    got = await caller.ask("PUT", f"{location}&digest={digest_of(b'other')}", b"layer")
    assert (got.status, got.error) == (400, "DIGEST_INVALID")
    assert (await caller.ask("HEAD", f"/v2/app/blobs/{digest_of(b'other')}")).status == 404


async def test_cancelled_upload_is_gone(caller: Caller) -> None:
    location = await upload(caller)
    assert (await caller.ask("DELETE", location)).status == 204
    assert (await caller.ask("PATCH", location, b"x")).error == "BLOB_UPLOAD_UNKNOWN"


async def test_upload_of_another_repository_is_unknown(caller: Caller) -> None:
    location = (await upload(caller)).replace("/v2/app/", "/v2/other/")
    assert (await caller.ask("PATCH", location, b"x")).error == "BLOB_UPLOAD_UNKNOWN"


async def test_blob_is_mounted_from_a_repository_that_may_be_pulled(caller: Caller, registry: Registry) -> None:
    registry.store.blobs.put("prod/from", b"layer")
    registry.store.blobs.put("secret", b"hidden")
    mount = "/v2/prod/to/blobs/uploads/?mount={}&from={}"
    token = await caller.token("prod-writer", "repository:prod/to:pull,push", "repository:prod/from:pull")
    bearer = f"Bearer {token}"
    known = mount.format(digest_of(b"layer"), "prod/from")
    assert (await caller.ask("POST", known, authorization=bearer)).status == 201
    assert registry.store.blobs.has("prod/to", digest_of(b"layer"))
    foreign = mount.format(digest_of(b"hidden"), "secret")
    assert (await caller.ask("POST", foreign, authorization=bearer)).status == 202
    assert not registry.store.blobs.has("prod/to", digest_of(b"hidden"))
    unknown = mount.format(digest_of(b"unknown"), "prod/from")
    assert (await caller.ask("POST", unknown, authorization=bearer)).status == 202


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=1-2", 206, b"ay"),
        ("bytes=3-", 206, b"er"),
        ("bytes=-2", 206, b"er"),
        ("bytes=0-99", 200, b"layer"),
        ("bytes=9-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=2-1", 416, None),
        ("lines=1-2", 200, b"layer"),
    ],
)
@pytest.mark.usefixtures("blobs")
async def test_ranges_of_a_blob(caller: Caller, asked: str, status: int, body: bytes | None) -> None:
    got = await caller.ask("GET", f"/v2/app/blobs/{digest_of(b'layer')}", range=asked)
    assert got.status == status
    assert body is None or got.body == body


@pytest.mark.usefixtures("blobs")
async def test_blob_belongs_to_its_repository_and_can_be_deleted(caller: Caller) -> None:
    path = f"/v2/app/blobs/{digest_of(b'layer')}"
    assert (await caller.ask("HEAD", path)).headers["Content-Length"] == "5"
    assert (await caller.ask("GET", path.replace("/app/", "/other/"))).error == "BLOB_UNKNOWN"
    assert (await caller.ask("DELETE", path)).status == 202
    assert (await caller.ask("GET", path)).error == "BLOB_UNKNOWN"


# -- events ---------------------------------------------------------------------------------------------------------


def seen(events: list[RegistryEvent]) -> list[tuple[str, str | None, str | None]]:
    return [(each.action, each.tag, each.digest) for each in events]


@pytest.mark.usefixtures("blobs")
async def test_push_raises_an_event_that_names_the_request(
    caller: Caller, events: list[RegistryEvent], clock: Clock
) -> None:
    got = await caller.ask(
        "PUT", "/v2/app/manifests/v1", manifest(), content_type=OCI, user_agent="docker/28", host="contoso.azurecr.io"
    )
    (event,) = events
    assert (event.repository, event.media_type, event.size) == ("app", OCI, len(manifest()))
    assert (event.method, event.user_agent, event.host) == ("PUT", "docker/28", "contoso.azurecr.io")
    assert (event.at, event.request_id) == (clock(), got.headers["X-Ms-Request-Id"])


@pytest.mark.usefixtures("blobs")
async def test_only_pushes_and_deletes_of_content_raise_events(caller: Caller, events: list[RegistryEvent]) -> None:
    child, digest = manifest(), digest_of(manifest())
    multi = index(child)
    await put(caller, digest, child)
    await put(caller, "multi", multi, OCI_INDEX)
    await caller.ask("PATCH", "/acr/v1/app/_tags/multi", {"listEnabled": False})
    await caller.ask("DELETE", "/acr/v1/app/_tags/multi")
    await put(caller, "v1", b"{}")
    await caller.ask("DELETE", f"/v2/app/manifests/{digest}")
    assert seen(events) == [("push", None, digest), ("push", "multi", digest_of(multi)), ("delete", None, digest)]
    assert events[-1].size is None


@pytest.mark.usefixtures("blobs")
async def test_events_nobody_has_evidence_for_are_switches(
    caller: Caller, registry: Registry, events: list[RegistryEvent]
) -> None:
    registry.options.change({"event_for_digest_push": False, "event_for_known_content": False})
    await put(caller, digest_of(manifest()), manifest())
    await put(caller, "v1", manifest())
    await put(caller, "v1", manifest())
    assert seen(events) == [("push", "v1", digest_of(manifest()))]
    registry.options.change({"event_for_import": False})
    registry.store.import_image("app", "v2", source="app:v1")
    assert len(events) == 1


@pytest.mark.usefixtures("blobs")
@pytest.mark.parametrize(("answer", "count"), [("per_manifest", 2), ("per_repository", 1), ("none", 0)])
async def test_delete_of_a_repository_raises_events_as_switched(
    caller: Caller, registry: Registry, events: list[RegistryEvent], answer: str, count: int
) -> None:
    registry.options.change({"repository_delete_events": answer})
    await put(caller, "v1", manifest())
    await put(caller, "v2", manifest(annotations={"a": "b"}))
    events.clear()
    await caller.ask("DELETE", "/acr/v1/app")
    assert len(events) == count
    assert all(each.action == "delete" for each in events)
    assert answer != "per_repository" or events[0].digest is None


# -- seeds ----------------------------------------------------------------------------------------------------------


async def test_seeded_image_can_be_pulled_in_full(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 7, "tags": ["v1"]}]}]})
    got = await caller.ask("GET", "/v2/app/manifests/v1", accept=OCI)
    assert got.body == image(7)
    for body, blob in ((config(7), got.json["config"]), (layer(), got.json["layers"][0])):
        pulled = await caller.ask("GET", f"/v2/app/blobs/{blob['digest']}")
        assert (pulled.body, len(pulled.body)) == (body, blob["size"])


async def test_bulk_seed_has_true_digests_without_keeping_bytes(caller: Caller, registry: Registry) -> None:
    bulk = {"images": 3, "children": 2, "tags_per_image": 2, "flags": {"writeEnabled": False}}
    counts = registry.store.seed({"repositories": [{"name": "app", "bulk": [bulk]}]})
    assert counts == {"repositories": 1, "manifests": 9, "tags": 6}
    got = await caller.ask("GET", "/v2/app/manifests/v5", accept=OCI_INDEX)
    shown = await attributes(caller, digest_of(got.body))
    assert shown["tags"] == ["v4", "v5"]
    assert shown["changeableAttributes"]["writeEnabled"] is False
    for child in shown["references"]:
        pulled = await caller.ask("GET", f"/v2/app/manifests/{child['digest']}", accept=OCI)
        assert digest_of(pulled.body) == child["digest"]


def test_seed_raises_no_events(registry: Registry, events: list[RegistryEvent]) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 1, "tags": ["v1"]}]}]})
    assert events == []


async def test_unknown_routes_fail_loudly_and_are_recorded(caller: Caller, registry: Registry) -> None:
    for method, path in (("GET", "/acr/v2/x"), ("PUT", "/acr/v1/app"), ("GET", "/"), ("POST", "/v2/")):
        got = await caller.ask(method, path)
        assert got.status == 404
        assert "localcloud does not emulate" in got.json["errors"][0]["message"]
    assert registry.traffic.counts()["GET unknown"] == 2
