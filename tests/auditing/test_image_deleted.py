"""Deleted images: told at once when they were locked, one look into the ledger when not."""

import json
from copy import replace
from pathlib import Path

import pytest

from handlers.image_deleted import image_deleted
from localcloud.registry.flags import OPEN
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.handled import Handled
from taglock.domain.rule import Mode
from taglock.errors import HandOverFailed
from tests.auditing.audit_world import Audits, kinds
from tests.pushing.images import index, plain
from tests.pushing.world import ORIGIN

NAME = "prod/api"
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "events" / "acr-image-deleted.eventgrid.json"


def event(made: Audits, digest: str | None, *, event_id: str = "1") -> str:
    target = {"mediaType": "application/x", "repository": NAME, **({"digest": digest} if digest else {})}
    return json.dumps(
        {
            "id": event_id,
            "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/local",
            "subject": NAME,
            "eventType": "Microsoft.ContainerRegistry.ImageDeleted",
            "eventTime": "2026-03-01T12:01:00Z",
            "data": {"action": "delete", "timestamp": "2026-03-01T12:01:00Z", "target": target},
            "dataVersion": "2.0",
            "metadataVersion": "1",
        }
    )


async def deliver(made: Audits, text: str) -> Handled:
    return await image_deleted(made.local.app, text)


async def test_a_deleted_release_is_told_at_once_and_missing_until_it_is_back(made: Audits) -> None:
    await made.released("1.0.0")
    digest = made.digest_of("1.0.0")
    made.local.clear()
    handled = await deliver(made, event(made, digest))
    assert handled.outcome == "missing"
    assert made.local.requests() == {}
    (told,) = [each for each in made.local.topic.events if each.type == "Taglock.ReleaseDeleted"]
    assert (told.body["digest"], told.body["deletedAt"]) == (digest, "2026-03-01T12:01:00+00:00")
    (finding,) = await made.local.findings()
    assert (finding.kind, finding.subject) == ("RELEASE_MISSING", f"{made.local.login_server}/{NAME}@{digest}")
    assert kinds(await made.audit()) == []  # the image is there all the same: the event was wrong


async def test_a_deleted_child_stays_missing_for_the_audit(made: Audits) -> None:
    child = plain("child")
    made.local.push(None, child)
    await made.local.deliver(made.local.push("2.0.0", index(child)))
    made.unlock_manifest(child.digest, flags=OPEN)
    made.local.emulator.store.delete_manifest(NAME, child.digest, ORIGIN)
    await deliver(made, event(made, child.digest))
    (first,) = await made.local.findings()
    report = await made.audit()
    (missing,) = (each for each in report.findings if each.kind == "RELEASE_MISSING")
    assert missing.first_seen == first.first_seen
    assert not missing.new


async def test_an_event_that_comes_twice_is_one_finding_and_one_id(made: Audits) -> None:
    await made.released("1.0.0")
    text = event(made, made.digest_of("1.0.0"))
    await deliver(made, text)
    await deliver(made, text)
    ids = {each.id for each in made.local.topic.events if each.type == "Taglock.ReleaseDeleted"}
    assert len(ids) == len(await made.local.findings()) == 1


async def test_what_was_never_locked_costs_one_look_and_is_ignored(made: Audits) -> None:
    handled = await deliver(made, event(made, plain("never locked").digest))
    assert (handled.outcome, handled.decision) == ("ignored", "nothing that was locked")
    assert (await made.local.findings(), made.local.topic.events) == ([], [])


async def test_a_repository_deleted_in_one_event_tells_of_each_locked_manifest(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    await deliver(made, event(made, None))
    assert len(await made.local.findings()) == 2


async def test_in_report_mode_the_loss_is_a_warning(made: Audits) -> None:
    made.local.app = replace(made.local.app, mode=Mode.REPORT)
    image = plain("api")
    await made.local.deliver(made.local.push("1.0.0", image))
    await deliver(made, event(made, image.digest))
    assert [finding.severity for finding in await made.local.findings()] == ["warning"]


async def test_without_a_ledger_the_event_has_to_come_again(made: Audits) -> None:
    closed = open_sqlite(":memory:")
    await closed.aclose()
    made.local.app = replace(made.local.app, rows=closed)
    with pytest.raises(HandOverFailed):
        await deliver(made, event(made, plain("x").digest))


async def test_an_event_that_cannot_be_understood_is_rejected_with_its_path(made: Audits) -> None:
    handled = await deliver(made, event(made, "sha256:short"))
    assert handled.outcome == "rejected"
    assert handled.problems[0].startswith("$.data.target.digest")


@pytest.mark.skipif(not SAMPLE.exists(), reason="the recorded samples are not beside the project")
async def test_the_recorded_event_is_understood(made: Audits) -> None:
    made.local.app = replace(made.local.app, known_registries={"jolovcr": made.local.login_server})
    text = SAMPLE.read_text().replace("jolovcr.azurecr.io", made.local.login_server)
    handled = await deliver(made, text)
    assert (handled.outcome, handled.decision) == ("ignored", "nothing that was locked")
