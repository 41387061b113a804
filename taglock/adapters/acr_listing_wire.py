"""What the listings of the attribute API say, decoded into compact values that share their sets of attributes.

Unknown fields are ignored; a missing or ill-typed one, or a name outside the grammar, raises UntrustedAnswer.
"""

from collections.abc import Callable, Iterable

import msgspec

from taglock.adapters.acr_answer import untrusted
from taglock.adapters.acr_call import Call
from taglock.adapters.acr_wire import WireAttributes, decoded, expect, moment
from taglock.adapters.http_answer import Answer
from taglock.domain.attributes import Off
from taglock.domain.listing import SETS, ListedManifest, ListedRepository, ListedTag
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target, digest, repository, tag, tag_target
from taglock.domain.state import TagState
from taglock.errors import InvalidReference


class WireCatalog(msgspec.Struct, gc=False):
    """Answer of GET `/acr/v1/_catalog`; no key or null is an empty registry."""

    repositories: list[str] | None = None


class WireListedTag(msgspec.Struct, rename="camel", gc=False):
    """One entry of `tags`."""

    name: str
    digest: str
    last_update_time: str
    changeable_attributes: WireAttributes


class WireTags(msgspec.Struct, rename="camel", gc=False):
    """Answer of GET `/acr/v1/{repository}/_tags`."""

    registry: str
    image_name: str
    tags: list[WireListedTag] | None = None


class WireListedManifest(msgspec.Struct, rename="camel", gc=False):
    """One entry of `manifests`."""

    digest: str
    created_time: str
    changeable_attributes: WireAttributes
    media_type: str = ""
    config_media_type: str | None = None
    tags: list[str] | None = None


class WireManifests(msgspec.Struct, rename="camel", gc=False):
    """Answer of GET `/acr/v1/{repository}/_manifests`."""

    registry: str
    image_name: str
    manifests: list[WireListedManifest] | None = None


class WireCounted(msgspec.Struct, rename="camel"):
    """Answer of GET `/acr/v1/{repository}` with its counts."""

    registry: str
    image_name: str
    changeable_attributes: WireAttributes
    manifest_count: int | None = None
    tag_count: int | None = None


_catalog_decoder = msgspec.json.Decoder(WireCatalog)
_tags_decoder = msgspec.json.Decoder(WireTags)
_manifests_decoder = msgspec.json.Decoder(WireManifests)
_counted_decoder = msgspec.json.Decoder(WireCounted)


def listed_repositories(call: Call, answer: Answer) -> tuple[Repository, ...]:
    """Return the names on a page of the catalog."""
    names = decoded(_catalog_decoder, call, answer).repositories or ()
    return tuple(_named(call, lambda: [repository(name, "$.repositories") for name in names]))


def listed_tags(call: Call, answer: Answer, name: Repository) -> tuple[ListedTag, ...]:
    """Return the tags on a page; it must be about the repository."""
    wire = decoded(_tags_decoder, call, answer)
    _expect_about(call, wire, name)
    return tuple(_named(call, lambda: [_tag(call, entry) for entry in wire.tags or ()]))


def tag_states(call: Call, answer: Answer, target: Target) -> tuple[TagState, ...]:
    """Return the tags on a page of a repository as if each had been read by itself."""
    return tuple(
        TagState(
            target=tag_target(target.registry, target.repository, listed.name),
            digest=listed.digest,
            off=listed.off,
            updated_at=listed.updated_at,
        )
        for listed in listed_tags(call, answer, target.repository)
    )


def listed_manifests(call: Call, answer: Answer, name: Repository) -> tuple[ListedManifest, ...]:
    """Return the manifests on a page; it must be about the repository."""
    wire = decoded(_manifests_decoder, call, answer)
    _expect_about(call, wire, name)
    return tuple(_named(call, lambda: [_manifest(call, entry) for entry in wire.manifests or ()]))


def listed_repository(call: Call, answer: Answer, registry: LoginServer, name: Repository) -> ListedRepository:
    """Return a repository's attributes and counts; it must be about the repository."""
    wire = decoded(_counted_decoder, call, answer)
    expect(call, "$.registry", wire.registry.lower(), registry)
    expect(call, "$.imageName", wire.image_name, name)
    return ListedRepository(name, shared_off(wire.changeable_attributes), wire.manifest_count, wire.tag_count)


def shared_off(wire: WireAttributes) -> Off:
    """Return which attributes are off, as one of sixteen sets that everything shares."""
    return SETS[
        (not wire.delete_enabled)
        | (not wire.write_enabled) << 1
        | (not wire.list_enabled) << 2
        | (not wire.read_enabled) << 3
    ]


def _tag(call: Call, entry: WireListedTag) -> ListedTag:
    return ListedTag(
        tag(entry.name, "$.tags.name"),
        digest(entry.digest, "$.tags.digest"),
        shared_off(entry.changeable_attributes),
        moment(call, entry.last_update_time, "$.tags.lastUpdateTime"),
    )


def _manifest(call: Call, entry: WireListedManifest) -> ListedManifest:
    names: tuple[Tag, ...] = tuple([tag(name, "$.manifests.tags") for name in entry.tags]) if entry.tags else ()
    name: Digest = digest(entry.digest, "$.manifests.digest")
    created_at = moment(call, entry.created_time, "$.manifests.createdTime")
    off = shared_off(entry.changeable_attributes)
    return ListedManifest(name, entry.media_type, entry.config_media_type or "", off, created_at, names)


def _named[T](call: Call, parsed: Callable[[], Iterable[T]]) -> Iterable[T]:
    """Return what was parsed; a name outside the grammar makes the whole page unbelievable."""
    try:
        return parsed()
    except InvalidReference as error:
        raise untrusted(call, str(error)) from error


def _expect_about(call: Call, wire: WireTags | WireManifests, name: Repository) -> None:
    expect(call, "$.registry", wire.registry.lower(), call.target.partition("/")[0])
    expect(call, "$.imageName", wire.image_name, name)
