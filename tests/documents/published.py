"""Let the app publish each kind of event it has, over real sockets, and collect them."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import pytest

from handlers.image_deleted import image_deleted
from localcloud.faults import Answer, Fault
from localcloud.tls import Authority
from taglock.domain.acts.act import Place
from taglock.domain.acts.request import QuarantineAsked
from taglock.domain.audit import reporting
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import Digest, Repository
from taglock.enforcement.acts.quarantine import quarantine
from taglock.enforcement.context import Limits
from tests.acts.world import ANNA, acting
from tests.auditing.audit_world import audits
from tests.deploying.world import APP, container_app, deployed_world
from tests.pushing.images import index, plain
from tests.pushing.world import REPOSITORY, world

Events = list[OutboundEvent]


async def pushes(authority: Authority) -> Events:
    """A release that is locked, one that moved before it was, and an event that says nothing."""
    async with world(authority) as local:
        await local.deliver(local.push("1.0.0", plain("locked")))
        event = local.push("1.4.2", plain("first"))
        local.push("1.4.2", plain("second"))
        await local.deliver(event)
        await local.deliver("{}")
        return local.topic.events


async def oversized_push(authority: Authority) -> Events:
    """An index with more manifests than the limit."""
    async with world(authority, limits=Limits(closure=1)) as local:
        child = plain("child")
        local.push(None, child)
        await local.deliver(local.push("2.0.0", index(child)))
        return local.topic.events


async def quarantined_deployment(authority: Authority) -> Events:
    """What is quarantined is deployed."""
    async with deployed_world(authority) as local:
        digest = local.push("main", plain("bad"))
        about = Place(registry=local.pushing.login_server, repository=Repository(REPOSITORY), digest=Digest(digest))
        asked = QuarantineAsked(by=ANNA, reason="CVE-2026-1", place=about, acknowledge=Digest(digest))
        await quarantine(local.pushing.app, asked)
        await local.deployed(local.reference(digest=digest))
        return local.pushing.topic.events


async def deployments(authority: Authority) -> Events:
    """What runs is locked, a tag that moved since, and a resource that cannot be read."""
    async with deployed_world(authority) as local:
        digest = local.push("1.4.2", plain("first"))
        await local.deployed(local.reference(digest=digest))
        local.push("1.4.2", plain("second"))
        await local.deployed(local.reference("1.4.2", digest), workload="portal")
        event = await local.put(APP, container_app(local.reference("1.4.2")))
        local.arm.faults.add(Fault(action=Answer(status=400), method="GET", kind="", times=None))
        await local.deliver(event)
        return local.pushing.topic.events


async def oversized_deployment(authority: Authority) -> Events:
    """What runs has more manifests than the limit."""
    async with deployed_world(authority, limits=Limits(closure=1)) as local:
        child = plain("child")
        local.push(None, child)
        digest = local.push(None, index(child))
        await local.deployed(local.reference(digest=digest))
        return local.pushing.topic.events


async def audit(authority: Authority) -> Events:
    """Two locks that were taken off and one event for each finding but the first, and a release that is deleted."""
    async with audits(authority) as made:
        await made.released("1.0.0", "1.1.0")
        for tag in ("1.0.0", "1.1.0"):
            made.unlock(tag)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(reporting, "MOST_EVENTS", 1)
            await made.audit()
        await image_deleted(made.local.app, deleted(made.digest_of("1.0.0")))
        return made.local.topic.events


async def acts(authority: Authority) -> Events:
    """A hold and its end, quarantines with a ticket and without, past their review, and their lifts."""
    async with acting(authority) as made:
        made.push("1.0.0", plain("first"))
        made.push("2.0.0", plain("second"))
        held = await made.hold("1.0.0")
        await made.end_hold(held.act.id)
        review = made.later(seconds=1)
        told = [
            await made.quarantine("1.0.0", ticket="INC-1", review_by=review),
            await made.quarantine("2.0.0", review_by=review),
        ]
        await made.pushing.tick(after=timedelta(minutes=1))
        for answer in told:
            await made.lift(answer.act.id)
        return made.pushing.topic.events


def deleted(digest: str) -> str:
    """Return the event of a deleted manifest."""
    target = {"mediaType": "application/x", "repository": "prod/api", "digest": digest}
    moment = "2026-03-01T12:01:00Z"
    return json.dumps(
        {
            "id": "1",
            "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/local",
            "subject": "prod/api",
            "eventType": "Microsoft.ContainerRegistry.ImageDeleted",
            "eventTime": moment,
            "data": {"action": "delete", "timestamp": moment, "target": target},
            "dataVersion": "2.0",
            "metadataVersion": "1",
        }
    )


STORIES: Mapping[str, Callable[[Authority], Awaitable[Events]]] = {
    each.__name__: each
    for each in (pushes, oversized_push, deployments, quarantined_deployment, oversized_deployment, audit, acts)
}
"""Add a story here when the app learns to publish something new, and its members to docs/events.md."""


async def told(authority: Authority) -> Events:
    """Return the events of all stories."""
    return [event for story in STORIES.values() for event in await story(authority)]
