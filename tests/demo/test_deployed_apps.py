import base64
from typing import Any

from demo.apps import apps
from demo.azure import container_app, web_app
from demo.deploying import short_id
from demo.images import Blob
from demo.loosening import plain, request
from demo.observed import FREE, Seen
from demo.releases import RootLayers

LAYER = Blob(media_type="application/vnd.oci.image.layer.v1.tar+gzip", content=b"layer", diff_id="sha256:1")
SITE = "/subscriptions/1/resourceGroups/demo/providers/Microsoft.Web/sites/Portal"


def seen(target: str) -> Seen:
    return Seen(target=target, kind="tag", switches=FREE, digest="sha256:1")


def test_what_is_deployed_and_what_lies_beside_it_are_different_images() -> None:
    built = apps(RootLayers(own=LAYER, other=LAYER, sources=("a", "b")))
    digests = [each.manifest.digest for each in (*built.first(), built.next_newer)]
    assert len(set(digests)) == len(digests) == 5
    assert built.next_newer.name == built.newer.name
    assert built.aside not in built.running()


def test_a_web_app_holds_its_compose_file_as_azure_does() -> None:
    body: Any = web_app(SITE, images={"web": "r.example/a@sha256:1", "cache": "redis:7"})
    kind, _, encoded = body["properties"]["siteConfig"]["linuxFxVersion"].partition("|")
    text = base64.b64decode(encoded).decode()
    assert kind == "COMPOSE"
    assert text == "services:\n  web:\n    image: r.example/a@sha256:1\n  cache:\n    image: redis:7\n"


def test_a_container_app_names_the_traffic_of_every_revision() -> None:
    traffic = ({"revisionName": "shop--v1", "weight": 20}, {"latestRevision": True, "weight": 80})
    body: Any = container_app(SITE, image="r.example/a:1", revision="shop--v2", traffic=traffic)
    assert body["properties"]["configuration"]["ingress"]["traffic"] == list(traffic)
    assert body["properties"]["template"]["containers"][0]["image"] == "r.example/a:1"


def test_a_resource_is_shown_by_type_and_name() -> None:
    assert short_id(SITE) == "sites/portal"


def test_tags_and_manifests_are_unlocked_at_their_own_address() -> None:
    assert request(seen("prod/api:1.4.2")).target == "/acr/v1/prod/api/_tags/1.4.2"
    assert request(seen("prod/api@sha256:abc")).target == "/acr/v1/prod/api/_manifests/sha256:abc"


def test_a_finding_is_shown_without_times_and_with_short_digests() -> None:
    assert plain("delete,write off, locked since 2026-01-01T00:00:00Z") == "delete,write off"
    assert plain("nothing off, seen unlocked 2026-01-01T00:00:00Z") == "nothing off"
    assert plain(f"1 not: sha256:{'0123456789abcdef' * 4}") == "1 not: sha256:0123456789ab"
