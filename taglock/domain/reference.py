"""Names of things in a registry, parsed once into types; the grammar is that of the OCI distribution specification.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md (name and reference grammar) and
https://github.com/distribution/reference (host, length limit of 255).
"""

import re
from enum import StrEnum
from typing import NewType

import msgspec

from taglock.errors import InvalidReference

LoginServer = NewType("LoginServer", str)
Repository = NewType("Repository", str)
Tag = NewType("Tag", str)
Digest = NewType("Digest", str)

# Each pattern is unambiguous character by character, so matching is linear although it runs on `re`.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOGIN_SERVER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", re.ASCII)
MAXIMUM_REPOSITORY_LENGTH = 255


def login_server(text: object, path: str = "registry") -> LoginServer:
    """Return text as a login server (`host[:port]`, lower case) or raise InvalidReference."""
    if isinstance(text, str) and len(text) <= MAXIMUM_REPOSITORY_LENGTH and _LOGIN_SERVER.fullmatch(text.lower()):
        return LoginServer(text.lower())
    raise InvalidReference.at(path, text, "a login server such as 'contoso.azurecr.io'")


def repository(text: object, path: str = "repository") -> Repository:
    """Return text as a repository name or raise InvalidReference."""
    if isinstance(text, str) and len(text) <= MAXIMUM_REPOSITORY_LENGTH and _REPOSITORY.fullmatch(text):
        return Repository(text)
    raise InvalidReference.at(path, text, "a repository name such as 'prod/api', at most 255 characters")


def tag(text: object, path: str = "tag") -> Tag:
    """Return text as a tag or raise InvalidReference."""
    if isinstance(text, str) and _TAG.fullmatch(text):
        return Tag(text)
    raise InvalidReference.at(
        path, text, "a tag: 1 to 128 of letters, digits, '_', '.', '-', not starting with '.' or '-'"
    )


def digest(text: object, path: str = "digest") -> Digest:
    """Return text as a digest or raise InvalidReference."""
    if isinstance(text, str) and _DIGEST.fullmatch(text):
        return Digest(text)
    raise InvalidReference.at(path, text, "a digest: 'sha256:' and 64 hexadecimal digits (or sha512 and 128)")


class ImageReference(msgspec.Struct, frozen=True, kw_only=True):
    """An image by name: registry and repository with a tag, a digest or both."""

    registry: LoginServer
    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        tagged = f":{self.tag}" if self.tag is not None else ""
        pinned = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.registry}/{self.repository}{tagged}{pinned}"


def parse_reference(text: str, path: str = "image") -> ImageReference:
    """Parse `registry/repository[:tag][@digest]`; neither tag nor digest means no particular image."""
    registry_text, slash, rest = text.partition("/")
    if not slash:
        raise InvalidReference.at(path, text, "REGISTRY/REPOSITORY[:TAG][@DIGEST]")
    named, at, digest_text = rest.partition("@")
    name, colon, tag_text = named.partition(":")
    return ImageReference(
        registry=login_server(registry_text, f"{path}.registry"),
        repository=repository(name, f"{path}.repository"),
        tag=tag(tag_text, f"{path}.tag") if colon else None,
        digest=digest(digest_text, f"{path}.digest") if at else None,
    )


class TargetKind(StrEnum):
    """What kind of thing carries changeable attributes."""

    TAG = "tag"
    MANIFEST = "manifest"
    REPOSITORY = "repository"


class Target(msgspec.Struct, frozen=True, order=True):
    """One thing with changeable attributes: a tag, a manifest or a repository."""

    registry: LoginServer
    repository: Repository
    kind: TargetKind
    name: str = ""

    def __str__(self) -> str:
        separator = {TargetKind.TAG: ":", TargetKind.MANIFEST: "@", TargetKind.REPOSITORY: ""}[self.kind]
        return f"{self.registry}/{self.repository}{separator}{self.name}"


def tag_target(registry: LoginServer, name: Repository, tag_name: Tag) -> Target:
    """Return the target for a tag."""
    return Target(registry, name, TargetKind.TAG, tag_name)


def manifest_target(registry: LoginServer, name: Repository, manifest: Digest) -> Target:
    """Return the target for a manifest."""
    return Target(registry, name, TargetKind.MANIFEST, manifest)


def repository_target(registry: LoginServer, name: Repository) -> Target:
    """Return the target for a repository's own attributes."""
    return Target(registry, name, TargetKind.REPOSITORY)
