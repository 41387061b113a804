"""What is locked after a deployment, and with how many requests."""

from typing import Any

import pytest

from taglock.domain.rule import Mode
from tests.deploying.world import APP, BATCH, RULES, Deployed, container_app, container_group
from tests.pushing.images import index, plain, referrer
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE


async def test_a_digest_that_runs_is_locked_and_its_tag_is_not(local: Deployed) -> None:
    image = plain("api")
    local.push("build-7", image)
    (handled,) = await local.deployed(local.reference("build-7", image.digest))
    assert (handled.outcome, handled.rule) == ("locked", "running")
    assert local.pushing.flags(image) == UNDELETABLE
    assert local.pushing.tag_flags("build-7") == OPEN


async def test_warm_by_digest_costs_one_request(local: Deployed) -> None:
    await local.warm()
    digest = local.push(None, plain("api"))
    await local.deployed(local.reference(digest=digest))
    assert local.requests() == {"PATCH manifest": 1}


async def test_warm_by_digest_costs_two_requests_when_a_push_rule_wants_the_tag(local: Deployed) -> None:
    await local.warm()
    image = plain("api")
    local.push("1.4.2", image)
    (handled,) = await local.deployed(local.reference("1.4.2", image.digest))
    assert local.requests() == {"PATCH manifest": 1, "PATCH tag": 1}
    assert local.pushing.tag_flags("1.4.2") == LOCKED_TAG
    release = (await local.pushing.releases())["1.4.2"]
    assert (release.rule, release.digest, handled.rule) == ("releases", image.digest, "running")


async def test_warm_by_tag_costs_one_request_more(local: Deployed) -> None:
    await local.warm()
    local.push("build-7", plain("api"))
    await local.deployed(local.reference("build-7"))
    assert local.requests() == {"GET tag": 1, "PATCH manifest": 1}
    local.clear()
    local.push("1.4.2", plain("release"))
    await local.deployed(local.reference("1.4.2"), workload="other")
    assert local.requests() == {"GET tag": 1, "PATCH manifest": 1, "PATCH tag": 1}


async def test_a_rule_that_ignores_a_tag_never_ignores_the_digest_that_runs(local: Deployed) -> None:
    image = plain("api")
    local.push("latest", image)
    await local.deployed(local.reference("latest"))
    assert local.pushing.flags(image) == UNDELETABLE
    assert local.pushing.tag_flags("latest") == OPEN
    local.later()
    local.push("latest", plain("next"))  # the tag still moves


async def test_an_unrelated_tag_and_image_stay_untouched(local: Deployed) -> None:
    runs, other = plain("runs"), plain("other")
    local.push("build-7", runs)
    local.push("build-8", other)
    await local.deployed(local.reference("build-7"))
    assert local.pushing.flags(other) == OPEN
    assert local.pushing.tag_flags("build-8") == OPEN


async def test_an_index_that_runs_is_locked_with_all_its_children(local: Deployed) -> None:
    children = [plain("amd64"), plain("arm64"), plain("attestation")]
    for child in children:
        local.push(None, child)
    root = index(*children)
    local.push("build-7", root)
    (handled,) = await local.deployed(local.reference("build-7"))
    assert handled.outcome == "locked"
    assert {local.pushing.flags(each) for each in (*children, root)} == {UNDELETABLE}


async def test_environments_narrow_a_rule(local: Deployed) -> None:
    image = plain("api")
    local.push("build-7", image)
    (handled,) = await local.deployed(local.reference("build-7"), environment="staging")
    assert handled.outcome == "ignored"
    assert local.pushing.flags(image) == OPEN
    assert await local.running() == {"shop": [image.digest]}  # it is known all the same
    await local.deployed(local.reference("build-7"), environment="production-eu")
    assert local.pushing.flags(image) == UNDELETABLE


async def test_a_rule_may_lock_the_tag_that_was_deployed(local: Deployed) -> None:
    local.pushing.with_rules('version = 1\n[[rule]]\nname = "running"\non = ["deployment"]\ntag = true\n')
    image = plain("api")
    local.push("build-7", image)
    await local.deployed(local.reference("build-7"))
    assert local.pushing.tag_flags("build-7") == LOCKED_TAG
    assert (await local.pushing.releases())["build-7"].rule == "running"


async def test_report_mode_records_the_same_and_changes_nothing(local: Deployed) -> None:
    image = plain("api")
    local.push("1.4.2", image)
    local.pushing.app = local.pushing.app.__replace__(mode=Mode.REPORT)
    (handled,) = await local.deployed(local.reference("1.4.2"))
    assert (handled.outcome, handled.mode) == ("locked", "report")
    assert (local.pushing.flags(image), local.pushing.tag_flags("1.4.2")) == (OPEN, OPEN)
    assert await local.running() == {"shop": [image.digest]}
    assert local.pushing.topic.events == []


async def test_images_of_other_registries_are_recorded_as_seen_and_asked_nowhere(local: Deployed) -> None:
    images = ["docker.io/library/redis:7", "nginx", "evil.example:443/x@sha256:" + "a" * 64]
    (handled,) = await local.deployed(*images)
    assert handled.outcome == "ignored"
    workload = await local.workload()
    assert workload.runs == ()
    assert workload.elsewhere[:2] == ("docker.io/library/redis:7", "docker.io/library/nginx:latest")
    assert local.requests() == {}
    assert local.asked() == 0


async def test_the_event_and_the_journal_tell_of_the_workload(local: Deployed) -> None:
    image = plain("api")
    local.push("build-7", image)
    await local.deployed(local.reference("build-7"))
    (event,) = local.pushing.topic.events
    assert event.type == "Taglock.ImageLocked"
    assert (event.body["workload"], event.body["environment"]) == ("shop", "production")
    assert event.body["deploymentEventId"] == "event-0"
    assert "secondsAfterDeployment" in event.body
    assert [entry.outcome for entry in await local.pushing.journal()] == ["locked"]


async def test_a_deployment_does_not_forget_what_the_release_s_rule_wants(local: Deployed) -> None:
    signed = RULES.replace('\n[[rule]]\nname = "running"', 'referrers = true\n[[rule]]\nname = "running"')
    local.pushing.with_rules(signed)
    image = plain("api")
    await local.pushing.deliver(local.pushing.push("1.4.2", image))
    local.push("build-7", image)
    await local.deployed(local.reference("build-7"))
    signature = referrer("signature", subject=image)
    handled = await local.pushing.deliver(local.pushing.push(None, signature))
    assert (handled.outcome, handled.rule) == ("locked", "releases")


async def test_a_rule_about_media_types_reads_what_the_event_does_not_tell(local: Deployed) -> None:
    local.pushing.with_rules(
        'version = 1\n[[rule]]\nname = "images"\non = ["deployment"]\nmedia_types = ["**/vnd.oci.image.manifest.*"]\n'
    )
    image = plain("api")
    local.push("build-7", image)
    (handled,) = await local.deployed(local.reference("build-7"))
    assert (handled.outcome, handled.rule) == ("locked", "images")


async def test_a_container_app_with_n_images_costs_one_request_to_resource_manager(local: Deployed) -> None:
    await local.warm()
    images = [plain(f"image {number}") for number in range(3)]
    references = [local.reference(digest=local.push(None, each)) for each in images]
    event = await local.put(APP, container_app(*references, references[0]))
    handled = await local.deliver(event)
    assert [one.outcome for one in handled] == ["locked"] * 3
    assert {local.pushing.flags(each) for each in images} == {UNDELETABLE}
    assert local.asked() == 1
    assert local.requests() == {"PATCH manifest": 3}


async def test_each_older_revision_in_traffic_costs_one_request_more(local: Deployed) -> None:
    await local.warm()
    old, new = plain("old"), plain("new")
    for each in (old, new):
        local.push(None, each)
    traffic: list[dict[str, Any]] = [{"revisionName": "shop--v1", "weight": 20}, {"latestRevision": True, "weight": 80}]
    event = await local.put(APP, container_app(local.reference(digest=new.digest), traffic=traffic))
    revision = container_app(local.reference(digest=old.digest))["properties"]["template"]
    local.arm.place(
        [{"id": f"{APP}/revisions/shop--v1", "properties": {"active": True, "template": revision, "trafficWeight": 20}}]
    )
    await local.deliver(event)
    assert local.asked() == 2
    assert {local.pushing.flags(old), local.pushing.flags(new)} == {UNDELETABLE}
    assert await local.running() == {"warm": [plain("warm").digest], APP.lower(): [new.digest, old.digest]}


@pytest.mark.parametrize("where", ["environment variables"])
async def test_secrets_in_resource_bodies_reach_neither_ledger_nor_log(
    local: Deployed, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    image = plain("api")
    local.push(None, image)
    body = container_group(local.reference(digest=image.digest), PASSWORD="planted-secret-1")
    body["properties"]["imageRegistryCredentials"] = [{"server": "x", "username": "u", "password": "planted-secret-2"}]
    body["properties"]["containers"].append(
        {"name": "odd", "properties": {"image": "user:planted-secret-3@registry/x:1"}}
    )
    event = (await local.put(BATCH, body)).replace("<object-id>", "planted-secret-4")
    assert await local.deliver(event)
    assert local.pushing.flags(image) == UNDELETABLE
    assert "planted-secret" not in caplog.text
    partitions = ["deployments", "due/-", "finding/-", "outbox", f"journal/-/{local.now:%Y-%m-%d}"]
    partitions += [f"{kind}/{local.pushing.login_server}" for kind in ("due", "finding")]
    partitions += [f"journal/{local.pushing.login_server}/{local.now:%Y-%m-%d}"]
    for partition in partitions:
        for row in await local.pushing.app.rows.scan(partition):
            assert b"planted-secret" not in row.body, where
