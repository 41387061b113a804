"""Package URLs of images, as CDEvents name artifacts: `pkg:oci/api@sha256%3A...?repository_url=HOST/PATH/api`.

Source: https://github.com/package-url/purl-spec/blob/main/types/oci-definition.json (name = last part of the
repository, version = digest, qualifiers repository_url and tag) and docker-definition.json (the path is in the purl).
"""

from collections.abc import Mapping

from taglock.domain.reference import ImageReference, LoginServer
from taglock.domain.running_image import running_image
from taglock.errors import InvalidReference

EXPECTED = "a package URL of an image such as 'pkg:oci/api@sha256%3A...?repository_url=contoso.azurecr.io/prod/api'"
IMAGE_TYPES = frozenset({"oci", "docker"})


def image_of_package_url(text: str, path: str, *, default_registry: LoginServer | None) -> ImageReference | None:
    """Return the image, None for a package that is no image; raise InvalidReference.

    `default_registry` serves where the URL names no registry.
    """
    from packageurl import PackageURL  # 25 ms that only these events pay

    try:
        package = PackageURL.from_string(text)
    except ValueError:
        raise InvalidReference.at(path, text, EXPECTED) from None
    if package.type not in IMAGE_TYPES:
        return None
    qualifiers: Mapping[str, str] = package.qualifiers if isinstance(package.qualifiers, dict) else {}
    name = "/".join(part for part in (package.namespace, package.name) if part)
    where = _repository(qualifiers.get("repository_url", ""), name, default_registry)
    if where is None:
        raise InvalidReference.at(path, text, "repository_url=HOST/PATH in it, or TAGLOCK_DEFAULT_REGISTRY")
    return running_image(where + _version(package.version or "", qualifiers.get("tag", "")), path)


def _repository(url: str, name: str, default_registry: LoginServer | None) -> str | None:
    host, _, place = url.removeprefix("https://").removeprefix("http://").strip("/").partition("/")
    if not host:
        return None if default_registry is None else f"{default_registry}/{name}"
    if not place:
        return f"{host}/{name}"
    # The whole repository by the specification; some tools give only the part before the name.
    return f"{host}/{place}" if f"/{place}".endswith(f"/{name.rpartition('/')[2]}") else f"{host}/{place}/{name}"


def _version(version: str, tag: str) -> str:
    if ":" in version:
        return f"{f':{tag}' if tag else ''}@{version}"
    return f":{version or tag}" if version or tag else ""
