"""Azure Resource Manager: read which images a resource runs.

Requests: a container app one, and one for each older revision that runs; a job or container group one; a site or slot
two (the tags are its own, the image is in `config/web`), three with `sitecontainers`. A list adds one for each page,
and one for each site: its slots.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from taglock.adapters.arm_call import ArmOptions, arm_host
from taglock.adapters.arm_channel import ArmChannel
from taglock.adapters.arm_paths import LISTED_TYPES
from taglock.adapters.arm_source import ArmSource, Body, gathered
from taglock.domain.arm_body import Part
from taglock.domain.arm_images import (
    is_active,
    merged,
    other_revisions,
    site_container_images,
    site_images,
    template_images,
)
from taglock.domain.arm_resource import (
    ArmWorkload,
    ResourceId,
    ResourceKind,
    parse_resource_id,
    properties_of,
    workload_of,
    workload_with,
)
from taglock.errors import InvalidReference, UnreadableBody, shortened

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

__all__ = ["ArmOptions", "ArmReader", "open_arm"]

DEFAULT_OPTIONS = ArmOptions()


def open_arm(
    endpoint: str, *, credential: "AsyncTokenCredential", options: ArmOptions = DEFAULT_OPTIONS
) -> "ArmReader":
    """Return the reader of an endpoint such as https://management.azure.com, without any network.

    The caller closes it, and owns the credential. Raises InvalidConfiguration unless the endpoint is https.
    """
    return ArmReader(ArmChannel(arm_host(endpoint), credential=credential, options=options), options=options)


class ArmReader:
    """Implements ports.Arm."""

    def __init__(self, channel: ArmChannel, *, options: ArmOptions) -> None:
        self._channel = channel
        self._source = ArmSource(channel, maximum_pages=options.maximum_pages)
        self._at_once = options.connections

    async def workload(self, resource: ResourceId) -> ArmWorkload | None:
        """Read what a resource runs, None when it is gone; raises ArmError."""
        body = await self._source.body(resource)
        return None if body is None else await self._completed(resource, body)

    async def workloads(self, subscription: str) -> AsyncIterator[ArmWorkload]:
        """Read every resource of a subscription that may run images, page by page; raises ArmError.

        A body that does not tell its images keeps no other from being read: after the last one it raises
        UnreadableBody, so that nobody takes the list for complete.
        """
        unreadable: list[UnreadableBody] = []
        for kind in LISTED_TYPES:
            async for page in self._source.listed(subscription, kind):
                for found in await self._read(subscription, kind, page):
                    if isinstance(found, ArmWorkload):
                        yield found
                    else:
                        unreadable.append(found)
        if unreadable:
            raise UnreadableBody(
                "$.value",
                f"{len(unreadable)} of the bodies, the first: {unreadable[0]}",
                "bodies that tell their images",
                target=f"/subscriptions/{subscription}",
            )

    async def aclose(self) -> None:
        """Close every connection; the reader opens again when it is used again."""
        await self._channel.aclose()

    async def _read(
        self, subscription: str, kind: ResourceKind, bodies: list[Body]
    ) -> list[ArmWorkload | UnreadableBody]:
        """Complete the bodies of one page; of sites with their slots, which only the site lists."""

        async def read(body: Body) -> list[ArmWorkload | UnreadableBody]:
            try:
                resource = _listed_id(subscription, kind, body)
                found = await self._completed(resource, body)
            except UnreadableBody as error:
                return [error]
            if found is None:
                return []
            slots = await self._source.children(resource, "/slots") if kind is ResourceKind.SITE else []
            return [found, *(await self._read(subscription, ResourceKind.SLOT, slots))]

        at_once = 1 if kind is ResourceKind.SLOT else self._at_once  # their sites are read side by side already
        return [found for each in await gathered(read, bodies, at_once=at_once) for found in each]

    async def _completed(self, resource: ResourceId, body: Body) -> ArmWorkload | None:
        """Return the workload of a resource whose own body was read, None when it went away meanwhile."""
        match resource.kind:
            case ResourceKind.CONTAINER_APP:
                images = await self._app_images(resource, properties_of(resource, body))
                return workload_with(resource, body, images)
            case ResourceKind.SITE | ResourceKind.SLOT:
                configured = await self._site_images(resource)
                return None if configured is None else workload_with(resource, body, configured)
            case _:
                return workload_of(resource, body)

    async def _app_images(self, resource: ResourceId, properties: Part) -> tuple[str, ...]:
        latest, others = template_images(properties), other_revisions(properties)
        if others.every_active:
            bodies: list[Body | None] = [*await self._source.children(resource, "/revisions")]
            older = [found for found in _all_properties(resource, bodies) if is_active(found)]
        else:
            bodies = [await self._source.body(resource, f"/revisions/{name}") for name in others.names]
            older = _all_properties(resource, bodies)
        return merged(latest, *(template_images(revision) for revision in older))

    async def _site_images(self, resource: ResourceId) -> tuple[str, ...] | None:
        configuration = await self._source.body(resource, "/config/web")
        if configuration is None:
            return None
        found = site_images(*_all_properties(resource, [configuration]))
        if not found.separate:
            return found.images
        containers = await self._source.children(resource, "/sitecontainers")
        return merged(found.images, site_container_images(_all_properties(resource, [*containers])))


def _all_properties(resource: ResourceId, bodies: list[Body | None]) -> list[Part]:
    """Return the properties of children; those that are gone by now are left out."""
    found = (Part(value=body, path="$", target=str(resource)) for body in bodies if body is not None)
    return [body.part("properties") for body in found]


def _listed_id(subscription: str, kind: ResourceKind, body: Body) -> ResourceId:
    target = f"/subscriptions/{subscription}"
    try:
        resource = parse_resource_id(body.get("id"), "$.id")
    except InvalidReference as error:
        raise UnreadableBody("$.id", "another text", "a resource id", target=target) from error
    if resource is None or resource.kind is not kind or resource.subscription != subscription.lower():
        raise UnreadableBody("$.id", shortened(body.get("id")), f"a {kind} of this subscription", target=target)
    return resource
