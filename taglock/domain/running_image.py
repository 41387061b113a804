"""References of images that run, read as container runtimes read them.

Source: https://github.com/distribution/reference/blob/main/normalize.go: without a host it is Docker Hub's, and with
neither tag nor digest the tag is `latest`.
"""

from copy import replace

from taglock.domain.reference import ImageReference, Tag, parse_reference
from taglock.errors import InvalidReference

DOCKER_HUB = "docker.io"
LATEST = Tag("latest")
EXPECTED = "an image reference such as 'contoso.azurecr.io/prod/api@sha256:...'"


def running_image(text: object, path: str = "image") -> ImageReference:
    """Return a reference with its registry and a tag, a digest or both; raise InvalidReference."""
    if not isinstance(text, str):
        raise InvalidReference.at(path, text, EXPECTED)
    first, slash, _ = text.partition("/")
    if not slash:
        text = f"{DOCKER_HUB}/library/{text}"
    elif not ("." in first or ":" in first or first == "localhost"):
        text = f"{DOCKER_HUB}/{text}"
    parsed = parse_reference(text, path)
    return parsed if parsed.tag is not None or parsed.digest is not None else replace(parsed, tag=LATEST)
