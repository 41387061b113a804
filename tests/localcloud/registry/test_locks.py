"""What locks refuse, row by row of what is known, and both positions of each switch for what is not."""

import pytest

from localcloud.registry.events import RegistryEvent
from localcloud.registry.refusals import Refusal
from localcloud.registry.server import Registry
from localcloud.registry.synthetic import image
from tests.localcloud.registry.caller import Caller, Clock, Got

OCI = "application/vnd.oci.image.manifest.v1+json"
DISALLOWED_TEXT = (
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
    "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation"
)


class Image:
    """A repository `app` with `v1` on image 1, and image 2 whose blobs are there but which is not tagged."""

    def __init__(self, caller: Caller, registry: Registry) -> None:
        self.caller = caller
        images = [{"number": 1, "tags": ["v1"]}, {"number": 2, "tags": ["other"]}]
        registry.store.seed({"repositories": [{"name": "app", "images": images}]})
        self.digest = registry.store.tag("app", "v1").digest
        self.other = registry.store.tag("app", "other").digest

    async def lock(self, what: str, **flags: bool) -> None:
        paths = {"tag": "/_tags/v1", "manifest": f"/_manifests/{self.digest}", "repository": ""}
        got = await self.caller.ask("PATCH", f"/acr/v1/app{paths[what]}", flags)
        assert got.status == 200

    async def push(self, reference: str, number: int) -> int:
        got = await self.caller.ask("PUT", f"/v2/app/manifests/{reference}", image(number), content_type=OCI)
        return checked(got).status

    async def untag(self) -> int:
        return checked(await self.caller.ask("DELETE", "/acr/v1/app/_tags/v1")).status

    async def delete(self) -> int:
        return checked(await self.caller.ask("DELETE", f"/v2/app/manifests/{self.digest}")).status

    async def delete_repository(self) -> int:
        return checked(await self.caller.ask("DELETE", "/acr/v1/app")).status

    async def pull(self, reference: str) -> Got:
        return await self.caller.ask("GET", f"/v2/app/manifests/{reference}", accept=OCI)


def checked(got: Got) -> Got:
    if got.status == 405:
        assert got.json == {
            "errors": [{"code": "REGISTRY_DISALLOWED_OPERATION", "message": DISALLOWED_TEXT, "detail": {}}]
        }
        assert len(got.body) == 263  # as observed
    return got


@pytest.fixture
def app(caller: Caller, registry: Registry) -> Image:
    return Image(caller, registry)


async def test_write_locked_tag_is_not_removed_although_delete_is_enabled(app: Image) -> None:
    await app.lock("tag", writeEnabled=False, deleteEnabled=True)
    assert await app.untag() == 405


async def test_delete_locked_tag_is_not_removed(app: Image) -> None:
    await app.lock("tag", deleteEnabled=False)
    assert await app.untag() == 405


async def test_push_to_a_write_locked_tag_is_refused(app: Image) -> None:
    await app.lock("tag", writeEnabled=False)
    assert await app.push("v1", 2) == 405
    got = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    assert got.json["tag"]["digest"] == app.digest


async def test_push_to_another_tag_of_the_same_image_succeeds(app: Image) -> None:
    await app.lock("tag", writeEnabled=False)
    assert await app.push("v2", 1) == 201


async def test_push_to_a_delete_locked_tag_succeeds(app: Image) -> None:
    await app.lock("tag", deleteEnabled=False)
    assert await app.push("v1", 2) == 201


@pytest.mark.parametrize("flags", [{"writeEnabled": False}, {"deleteEnabled": False}])
async def test_locked_manifest_is_not_deleted(app: Image, flags: dict[str, bool]) -> None:
    await app.lock("manifest", **flags)
    assert await app.delete() == 405


async def test_removing_a_tag_is_allowed_when_only_its_manifest_is_locked(app: Image) -> None:
    await app.lock("manifest", writeEnabled=False, deleteEnabled=False)
    assert await app.untag() == 202
    assert await app.delete() == 405


async def test_tag_lock_leaves_the_manifest_unlocked_and_the_reverse(app: Image) -> None:
    await app.lock("tag", deleteEnabled=False)
    shown = await app.caller.ask("GET", f"/acr/v1/app/_manifests/{app.digest}")
    assert shown.json["manifest"]["changeableAttributes"]["deleteEnabled"] is True
    await app.lock("tag", deleteEnabled=True)
    await app.lock("manifest", writeEnabled=False)
    shown = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    assert shown.json["tag"]["changeableAttributes"]["writeEnabled"] is True


async def test_write_locked_repository_refuses_every_change_of_its_content(app: Image) -> None:
    await app.lock("repository", writeEnabled=False)
    assert await app.push("v1", 2) == 405
    assert await app.push("v9", 2) == 405
    assert await app.push(app.other, 2) == 405
    assert await app.untag() == 405
    assert await app.delete() == 405
    assert await app.delete_repository() == 405


async def test_delete_locked_repository_protects_only_itself(app: Image) -> None:
    await app.lock("repository", deleteEnabled=False)
    assert await app.push("v1", 2) == 201
    assert await app.delete_repository() == 405
    assert await app.untag() == 202
    assert await app.delete() == 202


@pytest.mark.parametrize("what", ["tag", "manifest"])
@pytest.mark.parametrize("flags", [{"writeEnabled": False}, {"deleteEnabled": False}])
async def test_repository_with_anything_locked_is_not_deleted(app: Image, what: str, flags: dict[str, bool]) -> None:
    await app.lock(what, **flags)
    assert await app.delete_repository() == 405


async def test_unlocked_repository_is_deleted_with_what_it_held(app: Image) -> None:
    got = await app.caller.ask("DELETE", "/acr/v1/app")
    assert got.status == 202
    assert got.json == {"manifestsDeleted": sorted([app.digest, app.other]), "tagsDeleted": ["other", "v1"]}
    assert (await app.caller.ask("GET", "/acr/v1/app")).status == 404


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
async def test_everything_locked_can_still_be_read_and_unlocked(app: Image, what: str) -> None:
    flags = dict.fromkeys(("deleteEnabled", "writeEnabled", "listEnabled", "readEnabled"), False)
    await app.lock(what, **flags)
    assert (await app.caller.ask("GET", "/acr/v1/app")).status == 200
    assert (await app.caller.ask("GET", "/acr/v1/app/_tags/v1")).status == 200
    assert (await app.caller.ask("GET", f"/acr/v1/app/_manifests/{app.digest}")).status == 200
    await app.lock(what, **dict.fromkeys(flags, True))
    assert await app.untag() == 202


async def test_locking_an_index_leaves_its_children_unlocked(caller: Caller, registry: Registry) -> None:
    indexes = [{"platforms": {"linux/amd64": 1, "linux/arm64": 2}, "tags": ["multi"]}]
    registry.store.seed({"repositories": [{"name": "app", "indexes": indexes}]})
    index = registry.store.tag("app", "multi").digest
    got = await caller.ask("PATCH", f"/acr/v1/app/_manifests/{index}", {"writeEnabled": False})
    for child in got.json["manifest"]["references"]:
        deleted = await caller.ask("DELETE", f"/v2/app/manifests/{child['digest']}")
        assert deleted.status == 202


async def test_attribute_changes_are_partial_and_leave_all_times(app: Image, clock: Clock) -> None:
    before = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    clock.advance(60)
    got = await app.caller.ask("PATCH", "/acr/v1/app/_tags/v1", {"deleteEnabled": False})
    expected = before.json
    expected["tag"]["changeableAttributes"]["deleteEnabled"] = False
    assert got.json == expected


@pytest.mark.parametrize(
    "body",
    [{"writeEnabled": "false"}, {"writeEnabled": 0}, {"writeEnabled": None}, {"lockEnabled": True}, [], "text", b"{"],
)
async def test_wrong_attribute_changes_are_refused_and_change_nothing(app: Image, body: object) -> None:
    before = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    assert (await app.caller.ask("PATCH", "/acr/v1/app/_tags/v1", body)).status == 400
    assert (await app.caller.ask("GET", "/acr/v1/app/_tags/v1")).body == before.body


async def test_quarantine_is_an_attribute_of_manifests_only(app: Image) -> None:
    verdict = {"quarantineState": "Passed", "quarantineDetails": '{"state":"scan passed"}'}
    got = await app.caller.ask("PATCH", f"/acr/v1/app/_manifests/{app.digest}", verdict)
    assert list(got.json["manifest"]["changeableAttributes"])[4:] == ["quarantineState", "quarantineDetails"]
    assert (await app.caller.ask("PATCH", "/acr/v1/app/_tags/v1", verdict)).status == 400


# -- switches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "status"), [("allowed", 202), ("refused", 405)])
async def test_unlocked_manifest_with_a_locked_tag(app: Image, registry: Registry, answer: str, status: int) -> None:
    registry.options.change({"delete_manifest_with_locked_tag": answer})
    await app.lock("tag", writeEnabled=False)
    assert await app.delete() == status
    assert (await app.caller.ask("GET", "/acr/v1/app/_tags/v1")).status == (404 if status == 202 else 200)


@pytest.mark.parametrize(("answer", "status"), [("allowed", 201), ("refused", 405)])
async def test_push_of_a_locked_manifest_to_a_new_tag_or_by_digest(
    app: Image, registry: Registry, answer: str, status: int
) -> None:
    registry.options.change({"push_of_locked_manifest": answer})
    await app.lock("manifest", writeEnabled=False)
    assert await app.push("new", 1) == status
    assert await app.push(app.digest, 1) == status
    assert await app.push("v1", 1) == 201  # what the tag holds already


@pytest.mark.parametrize(("answer", "status"), [("allowed", 201), ("refused", 405)])
async def test_moving_a_tag_off_a_locked_manifest(app: Image, registry: Registry, answer: str, status: int) -> None:
    registry.options.change({"move_off_locked_manifest": answer})
    await app.lock("manifest", writeEnabled=False)
    assert await app.push("v1", 2) == status


@pytest.mark.parametrize(("answer", "status"), [("allowed", 201), ("refused", 405)])
async def test_push_of_the_same_digest_to_a_locked_tag(
    app: Image, registry: Registry, answer: str, status: int
) -> None:
    registry.options.change({"same_digest_to_locked_tag": answer})
    await app.lock("tag", writeEnabled=False)
    assert await app.push("v1", 1) == status


@pytest.mark.parametrize(("answer", "status"), [("allowed", 200), ("refused", 405)])
async def test_attribute_change_inside_a_locked_repository(
    app: Image, registry: Registry, answer: str, status: int
) -> None:
    registry.options.change({"patch_in_locked_repository": answer})
    await app.lock("repository", writeEnabled=False)
    for path in ("/_tags/v1", f"/_manifests/{app.digest}"):
        assert (await app.caller.ask("PATCH", f"/acr/v1/app{path}", {"writeEnabled": False})).status == status


@pytest.mark.parametrize(("answer", "status"), [("allowed", 202), ("refused", 405)])
async def test_upload_into_a_locked_repository(app: Image, registry: Registry, answer: str, status: int) -> None:
    registry.options.change({"upload_to_locked_repository": answer})
    await app.lock("repository", writeEnabled=False)
    assert (await app.caller.ask("POST", "/v2/app/blobs/uploads/")).status == status


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [("disallowed", 405, "REGISTRY_DISALLOWED_OPERATION"), ("unknown", 404, "MANIFEST_UNKNOWN")],
)
async def test_pull_of_what_may_not_be_read(
    app: Image, registry: Registry, answer: str, status: int, code: str
) -> None:
    registry.options.change({"unreadable_pull": answer})
    await app.lock("tag", readEnabled=False)
    by_tag = await app.pull("v1")
    assert (by_tag.status, by_tag.error) == (status, code)
    assert (await app.pull(app.digest)).status == 200
    await app.lock("manifest", readEnabled=False)
    assert (await app.pull(app.digest)).status == status
    await app.lock("repository", readEnabled=False)
    assert (await app.pull("other")).status == status


@pytest.mark.parametrize(("answer", "status"), [("refused", 405), ("allowed", 200)])
async def test_pull_by_tag_of_a_manifest_that_may_not_be_read(
    app: Image, registry: Registry, answer: str, status: int
) -> None:
    registry.options.change({"unreadable_manifest_by_tag": answer})
    await app.lock("manifest", readEnabled=False)
    assert (await app.pull("v1")).status == status
    assert (await app.pull(app.digest)).status == 405


@pytest.mark.parametrize(("answer", "status"), [("refused", 405), ("allowed", 200)])
async def test_blob_pull_from_a_repository_that_may_not_be_read(
    app: Image, registry: Registry, answer: str, status: int
) -> None:
    registry.options.change({"unreadable_repository_blob": answer})
    config = (await app.pull("v1")).json["config"]["digest"]
    await app.lock("repository", readEnabled=False)
    assert (await app.caller.ask("GET", f"/v2/app/blobs/{config}")).status == status


@pytest.mark.parametrize(("answer", "kept"), [("kept", False), ("reset", True)])
async def test_flags_of_a_tag_that_a_push_moves(app: Image, registry: Registry, answer: str, kept: bool) -> None:
    registry.options.change({"repush_tag_flags": answer})
    await app.lock("tag", deleteEnabled=False)
    assert await app.push("v1", 2) == 201
    shown = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    assert shown.json["tag"]["changeableAttributes"]["deleteEnabled"] is kept


@pytest.mark.parametrize(("answer", "enabled"), [("fresh", True), ("remembered", False)])
async def test_flags_of_a_tag_that_comes_back(app: Image, registry: Registry, answer: str, enabled: bool) -> None:
    registry.options.change({"retag_flags": answer})
    await app.lock("tag", listEnabled=False)
    assert await app.untag() == 202
    assert await app.push("v1", 1) == 201
    shown = await app.caller.ask("GET", "/acr/v1/app/_tags/v1")
    assert shown.json["tag"]["changeableAttributes"]["listEnabled"] is enabled


@pytest.mark.parametrize(("answer", "status"), [("removed", 404), ("orphaned", 200)])
async def test_repository_without_its_last_manifest(app: Image, registry: Registry, answer: str, status: int) -> None:
    registry.options.change({"emptied_repository": answer})
    await app.delete()
    await app.caller.ask("DELETE", f"/v2/app/manifests/{app.other}")
    assert (await app.caller.ask("GET", "/acr/v1/app")).status == status
    deleted = await app.caller.ask("DELETE", "/acr/v1/app")
    assert (deleted.status, deleted.error) == (404, "NAME_UNKNOWN")


# -- imports --------------------------------------------------------------------------------------------------------


async def test_forced_import_moves_a_locked_tag_and_keeps_its_lock(
    app: Image, registry: Registry, events: list[RegistryEvent]
) -> None:
    registry.options.change({"repush_tag_flags": "reset"})  # of pushes only
    await app.lock("tag", writeEnabled=False)
    registry.store.import_image("app", "v1", source="app:other", force=True)
    shown = (await app.caller.ask("GET", "/acr/v1/app/_tags/v1")).json["tag"]
    assert (shown["digest"], shown["changeableAttributes"]["writeEnabled"]) == (app.other, False)
    assert [(each.tag, each.digest) for each in events] == [("v1", app.other)]


async def test_import_without_force_refuses_a_tag_that_exists(app: Image, registry: Registry) -> None:
    with pytest.raises(Refusal, match=r"^Tag v1 already exists in target registry$") as caught:
        registry.store.import_image("app", "v1", source="app:other")
    assert caught.value.code == "Conflict"


async def test_import_brings_an_index_first_and_its_children_later(registry: Registry, caller: Caller) -> None:
    registry.options.change({"import_children": "deferred"})
    indexes = [{"platforms": {"linux/amd64": 1, "linux/arm64": 2}, "tags": ["multi"]}]
    registry.store.seed({"repositories": [{"name": "from", "indexes": indexes}]})
    record = registry.store.import_image("to", "v1", source="from:multi")
    children = [each.digest for each in record.references or ()]
    path = f"/acr/v1/to/_manifests/{children[0]}"
    assert (await caller.ask("GET", path)).status == 404
    assert registry.store.settle_imports() == 2
    assert (await caller.ask("GET", path)).status == 200


async def test_import_into_a_locked_repository_is_refused(app: Image, registry: Registry) -> None:
    await app.lock("repository", writeEnabled=False)
    with pytest.raises(Refusal) as caught:
        registry.store.import_image("app", "v1", source="app:other", force=True)
    assert caught.value.code == "REGISTRY_DISALLOWED_OPERATION"
