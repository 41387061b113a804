"""Azure resources that run images: their ids, parsed once, and what a resource's own body says about its images.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules and the resource
types' specifications in https://github.com/Azure/azure-rest-api-specs. Ids ignore case; here they are lower case.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from taglock.domain.arm_body import Part, printable
from taglock.domain.arm_images import OtherRevisions, group_images, other_revisions, site_images, template_images
from taglock.errors import InvalidReference, UnreadableBody, shortened

MAXIMUM_ID_LENGTH = 2048
ID_EXPECTED = "a resource id: '/subscriptions/GUID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME'"

UNREADY_STATES = frozenset(
    {
        *("accepted", "creating", "inprogress", "pending", "provisioning"),
        *("deleting", "registering", "repairing", "updating"),
    }
)
"""States of provisioning that end by themselves; after Failed and Canceled the older images may still run."""

_SEGMENT = re.compile(r"[^\x00-\x1f\x7f/\\?#]{1,260}")
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_NAME = re.compile(r"\w[\w-]{0,89}")  # the names of sites may hold letters of any script


class ResourceKind(StrEnum):
    """What kind of resource runs images; the value is its type in lower case."""

    CONTAINER_APP = "microsoft.app/containerapps"
    CONTAINER_APP_JOB = "microsoft.app/jobs"
    SITE = "microsoft.web/sites"
    SLOT = "microsoft.web/sites/slots"
    CONTAINER_GROUP = "microsoft.containerinstance/containergroups"


class ResourceId(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a resource that runs images; every part in lower case, so equal ids are equal values."""

    subscription: str
    resource_group: str
    kind: ResourceKind
    name: str
    """Of a slot: the name of its site."""
    slot: str = ""

    def __str__(self) -> str:
        kind = ResourceKind.SITE if self.kind is ResourceKind.SLOT else self.kind
        group = f"/subscriptions/{self.subscription}/resourcegroups/{self.resource_group}"
        return f"{group}/providers/{kind}/{self.name}{f'/slots/{self.slot}' if self.slot else ''}"


class ArmWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource runs: reference texts as they were found, distinct and in order."""

    resource: ResourceId
    images: tuple[str, ...]
    ready: bool
    """False while the resource is still being provisioned."""
    environment: str = ""
    """The value of the resource's tag `environment`, '' when it has none."""


def parse_resource_id(text: object, path: str = "resource") -> ResourceId | None:
    """Return the id, that of the parent for a child's id, or None for a well-formed id of another type.

    Raises InvalidReference when the text is no resource id at all.
    """
    segments = _segments(text, path)
    match [each.lower() for each in segments]:
        case ["subscriptions", subscription, "resourcegroups", group, "providers", namespace, kind, name, *below]:
            found = _kind(namespace, kind, below)
        case _:
            return None
    if found is None or "providers" in (each.lower() for each in below[::2]):
        return None
    resource = ResourceId(
        subscription=subscription,
        resource_group=group,
        kind=found,
        name=name,
        slot=below[1].lower() if found is ResourceKind.SLOT else "",
    )
    return _strict(resource, text, path)


def workload_of(resource: ResourceId, body: Mapping[str, object]) -> ArmWorkload:
    """Return what a resource runs by its own body alone, such as the one that an event carries.

    Raises ArmError, with the path, for a body that does not tell: malformed, of another resource, a site's without
    its configuration, an app's whose traffic goes to older revisions too. Azure Resource Manager has to be asked then.
    """
    return workload_with(resource, body, _told_images(resource.kind, properties_of(resource, body)))


def workload_with(resource: ResourceId, body: Mapping[str, object], images: tuple[str, ...]) -> ArmWorkload:
    """Return the workload of these images; whether it is ready and its environment come from the body."""
    state = properties_of(resource, body).part("provisioningState").value
    return ArmWorkload(
        resource=resource,
        images=images,
        ready=not (isinstance(state, str) and state.lower() in UNREADY_STATES),
        environment=_environment(body.get("tags")),
    )


def properties_of(resource: ResourceId, body: Mapping[str, object]) -> Part:
    """Return a body's properties; raise ArmError when the body names another resource."""
    named = body.get("id")
    if isinstance(named, str) and named.lower().rstrip("/") != str(resource):
        raise UnreadableBody("$.id", shortened(named), repr(str(resource)), target=str(resource))
    return Part(value=body, path="$", target=str(resource)).part("properties")


def _told_images(kind: ResourceKind, properties: Part) -> tuple[str, ...]:
    if kind is ResourceKind.CONTAINER_GROUP:
        return group_images(properties)
    if kind in (ResourceKind.SITE, ResourceKind.SLOT):
        return _site_images(properties.part("siteConfig"))
    images = template_images(properties)
    if kind is ResourceKind.CONTAINER_APP and other_revisions(properties) != OtherRevisions():
        raise properties.part("configuration").unreadable("no revisions beside the latest one")
    return images


def _site_images(configuration: Part) -> tuple[str, ...]:
    found = site_images(configuration)
    if not found.told or found.separate:
        raise configuration.unreadable("linuxFxVersion or windowsFxVersion with the image itself")
    return found.images


def _environment(tags: object) -> str:
    """Return the value of the tag `environment`; the names of tags ignore case."""
    if not isinstance(tags, Mapping):
        return ""
    found = (value for name, value in tags.items() if isinstance(name, str) and name.lower() == "environment")
    value = next(found, None)
    return value if isinstance(value, str) and printable(value) else ""


def _segments(text: object, path: str) -> list[str]:
    if isinstance(text, str) and len(text) <= MAXIMUM_ID_LENGTH and text.startswith("/"):
        segments = text[1:].removesuffix("/").split("/")
        if all(_SEGMENT.fullmatch(each) and each not in (".", "..") for each in segments):
            return segments
    raise InvalidReference.at(path, text, ID_EXPECTED)


def _kind(namespace: str, kind: str, below: list[str]) -> ResourceKind | None:
    if f"{namespace}/{kind}" == ResourceKind.SITE and len(below) > 1 and below[0].lower() == "slots":
        return ResourceKind.SLOT
    try:
        return ResourceKind(f"{namespace}/{kind}")
    except ValueError:
        return None


def _strict(resource: ResourceId, text: object, path: str) -> ResourceId:
    """Return the id when each part keeps to the rules for its name: it becomes part of a path that we ask."""
    names = (resource.name, *([resource.slot] if resource.slot else []))
    if (
        _SUBSCRIPTION.fullmatch(resource.subscription)
        and _GROUP.fullmatch(resource.resource_group)
        and all(_NAME.fullmatch(each) for each in names)
    ):
        return resource
    raise InvalidReference.at(path, text, ID_EXPECTED)
