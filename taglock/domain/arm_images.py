"""Where the bodies of the resource types keep their images.

Source: https://github.com/Azure/azure-rest-api-specs, ContainerApps.json and Jobs.json (Microsoft.App), WebApps.json
(Microsoft.Web), containerInstance.json (Microsoft.ContainerInstance). Only images are copied out of a body.
"""

import re
from collections.abc import Iterable

import msgspec

from taglock.domain.arm_body import Part, printable
from taglock.domain.arm_compose import compose_images
from taglock.errors import UnreadableBody

MAXIMUM_REVISIONS = 100
"""As many as an app can have active (https://learn.microsoft.com/azure/container-apps/quotas)."""

_REVISION = re.compile(r"[a-z0-9][a-z0-9-]{0,127}", re.ASCII)


class OtherRevisions(msgspec.Struct, frozen=True, kw_only=True):
    """Which revisions of a container app run beside its latest one, whose template is in the app's own body."""

    names: tuple[str, ...] = ()
    every_active: bool = False
    """The app's body does not name them: each active one runs."""


class SiteImages(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration of a site or slot says."""

    images: tuple[str, ...] = ()
    told: bool = False
    """False when no version is set, as in most bodies of the site itself."""
    separate: bool = False
    """The images are in the site's child resources `sitecontainers`."""


def template_images(properties: Part) -> tuple[str, ...]:
    """Return the images of a container app, its revision or a job."""
    template = properties.given().part("template").given()
    containers = [*template.part("containers").given().items(), *template.part("initContainers").items()]
    return distinct(container.part("image") for container in containers)


def group_images(properties: Part) -> tuple[str, ...]:
    """Return the images of a container group."""
    containers = properties.given().part("containers").given().items()
    return distinct(
        container.part("properties").part("image")
        for container in [*containers, *properties.part("initContainers").items()]
    )


def site_images(configuration: Part) -> SiteImages:
    """Return the images that `linuxFxVersion` and `windowsFxVersion` of a site's configuration name."""
    versions = [configuration.part(name) for name in ("linuxFxVersion", "windowsFxVersion")]
    set_versions = [version for version in versions if version.text()]
    return SiteImages(
        images=distinct(image for version in set_versions for image in _version_images(version)),
        told=bool(set_versions),
        separate=any(_version_kind(version) == "SITECONTAINERS" for version in set_versions),
    )


def site_container_images(properties: Iterable[Part]) -> tuple[str, ...]:
    """Return the images of a site's child resources `sitecontainers`."""
    return distinct(each.given().part("image") for each in properties)


def other_revisions(properties: Part) -> OtherRevisions:
    """Tell which older revisions run: those in traffic, the last ready one, or each active one without ingress."""
    configuration = properties.part("configuration")
    ingress = configuration.part("ingress")
    if ingress.value is None and configuration.part("activeRevisionsMode").text().lower() == "multiple":
        return OtherRevisions(every_active=True)
    in_traffic = [_revision_name(entry) for entry in ingress.part("traffic").items() if _is_reached(entry)]
    # The last ready revision serves while the latest one starts, and for good when that fails.
    ready = properties.part("latestReadyRevisionName")
    named = dict.fromkeys([*in_traffic, *([_checked_name(ready)] if ready.text() else [])])
    named.pop(properties.part("latestRevisionName").text().lower(), None)
    if len(named) > MAXIMUM_REVISIONS:
        raise UnreadableBody(
            ingress.path, f"{len(named)} revisions", f"at most {MAXIMUM_REVISIONS}", target=ingress.target
        )
    return OtherRevisions(names=tuple(name for name in named if name))


def is_active(revision: Part) -> bool:
    """Tell whether a revision runs; one that does not say so does not."""
    return bool(revision.part("active").value)


def distinct(images: Iterable[Part]) -> tuple[str, ...]:
    """Return the texts that may be references, each once, in order.

    An empty, endless or unprintable text is left out: nothing can be pulled by it, and it must not keep the others
    from being protected.
    """
    return tuple(dict.fromkeys(text for image in images if printable(text := image.text())))


def merged(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return all texts, each once, in order."""
    return tuple(dict.fromkeys(text for group in groups for text in group))


def _version_kind(version: Part) -> str:
    return version.text().partition("|")[0].strip().upper()


def _version_images(version: Part) -> list[Part]:
    rest = version.text().partition("|")[2].strip()
    match _version_kind(version):
        case "DOCKER":
            texts = [rest]
        case "COMPOSE":
            texts = compose_images(version, rest)
        case "KUBE":
            raise UnreadableBody(
                version.path, "a Kubernetes file", "DOCKER, COMPOSE or sitecontainers", target=version.target
            )
        case _:
            texts = []
    return [Part(value=text, path=version.path, target=version.target) for text in texts]


def _is_reached(entry: Part) -> bool:
    """Tell whether an older revision gets requests: by its share, or by the address of its label."""
    if entry.part("latestRevision").value:
        return False
    return bool(entry.part("weight").value) or bool(entry.part("label").text())


def _revision_name(entry: Part) -> str:
    return _checked_name(entry.part("revisionName"))


def _checked_name(name: Part) -> str:
    """Return a revision's name, which becomes part of a path, in lower case."""
    text = name.text().lower()
    if text and not _REVISION.fullmatch(text):
        raise UnreadableBody(name.path, "another text", "the name of a revision", target=name.target)
    return text
