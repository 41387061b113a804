"""What the attribute API says, in its own spelling, and its translation into our states.

Unknown fields are ignored; a missing or ill-typed one raises UntrustedAnswer with its path. Every answer must name
the registry, repository, tag or digest that was asked. Shapes: recordings of the Azure SDKs, 2021 and 2022.
"""

from datetime import UTC, datetime

import msgspec

from taglock.adapters.acr_answer import expect_json, untrusted
from taglock.adapters.acr_call import Answer, Call
from taglock.domain.attributes import Attribute, Off
from taglock.domain.reference import Digest, Tag, Target, digest, tag
from taglock.domain.state import AttributeUpdate, ManifestState, Reference, RepositoryState, TagState
from taglock.errors import InvalidReference, InvalidRequest, UntrustedAnswer, shortened

WIRE_NAMES: dict[Attribute, str] = {attribute: f"{attribute.value}Enabled" for attribute in Attribute}


class WireAttributes(msgspec.Struct, rename="camel"):
    """`changeableAttributes` of a tag, manifest or repository."""

    delete_enabled: bool
    write_enabled: bool
    list_enabled: bool
    read_enabled: bool


class WireTag(msgspec.Struct, rename="camel"):
    """`tag` of a single tag's answer."""

    name: str
    digest: str
    last_update_time: str
    changeable_attributes: WireAttributes


class WireTagAnswer(msgspec.Struct, rename="camel"):
    """Answer of GET and PATCH `/acr/v1/{repository}/_tags/{tag}`."""

    registry: str
    image_name: str
    tag: WireTag


class WireReference(msgspec.Struct):
    """One child of an index; only a single index's answer lists them."""

    digest: str
    os: str | None = None


class WireManifest(msgspec.Struct, rename="camel"):
    """`manifest` of a single manifest's answer."""

    digest: str
    created_time: str
    media_type: str
    changeable_attributes: WireAttributes
    config_media_type: str | None = None
    tags: list[str] | None = None
    references: list[WireReference] | None = None


class WireManifestAnswer(msgspec.Struct, rename="camel"):
    """Answer of GET and PATCH `/acr/v1/{repository}/_manifests/{digest}`."""

    registry: str
    image_name: str
    manifest: WireManifest


class WireRepositoryAnswer(msgspec.Struct, rename="camel"):
    """Answer of GET and PATCH `/acr/v1/{repository}`; the object is not wrapped."""

    registry: str
    image_name: str
    changeable_attributes: WireAttributes


_tag_decoder = msgspec.json.Decoder(WireTagAnswer)
_manifest_decoder = msgspec.json.Decoder(WireManifestAnswer)
_repository_decoder = msgspec.json.Decoder(WireRepositoryAnswer)


def decoded[T](decoder: msgspec.json.Decoder[T], call: Call, answer: Answer) -> T:
    """Decode a JSON body or raise UntrustedAnswer with the path of what is wrong."""
    expect_json(call, answer)
    try:
        return decoder.decode(answer.body)
    except RecursionError:
        raise untrusted(call, "JSON nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise untrusted(call, f"{shortened(str(error), 200)}, expected {decoder.type.__name__}") from error


def tag_state(call: Call, answer: Answer, target: Target) -> TagState:
    """Translate a tag's answer; it must be about the target."""
    wire = decoded(_tag_decoder, call, answer)
    _expect_same(call, target, registry=wire.registry, repository=wire.image_name)
    expect(call, "$.tag.name", wire.tag.name, target.name)
    return TagState(
        target=target,
        digest=parsed_digest(call, wire.tag.digest, "$.tag.digest"),
        off=_off(wire.tag.changeable_attributes),
        updated_at=moment(call, wire.tag.last_update_time, "$.tag.lastUpdateTime"),
    )


def manifest_state(call: Call, answer: Answer, target: Target) -> ManifestState:
    """Translate a manifest's answer; it must be about the target."""
    wire = decoded(_manifest_decoder, call, answer)
    manifest = wire.manifest
    _expect_same(call, target, registry=wire.registry, repository=wire.image_name)
    expect(call, "$.manifest.digest", manifest.digest, target.name)
    return ManifestState(
        target=target,
        digest=Digest(target.name),
        media_type=manifest.media_type,
        off=_off(manifest.changeable_attributes),
        created_at=moment(call, manifest.created_time, "$.manifest.createdTime"),
        artifact_type=manifest.config_media_type or "",
        references=_references(call, manifest.references),
        tags=_tags(call, manifest.tags),
    )


def repository_state(call: Call, answer: Answer, target: Target) -> RepositoryState:
    """Translate a repository's answer; it must be about the target."""
    wire = decoded(_repository_decoder, call, answer)
    _expect_same(call, target, registry=wire.registry, repository=wire.image_name)
    return RepositoryState(target=target, off=_off(wire.changeable_attributes))


def update_body(update: AttributeUpdate) -> bytes:
    """Return the partial JSON of an update; an attribute both off and on raises InvalidRequest."""
    if both := update.off & update.on:
        raise InvalidRequest.at("update", sorted(both), "each attribute either off or on")
    wanted = dict.fromkeys(update.off, False) | dict.fromkeys(update.on, True)
    return msgspec.json.encode(
        {WIRE_NAMES[attribute]: wanted[attribute] for attribute in Attribute if attribute in wanted}
    )


def expect(call: Call, path: str, found: str, asked: str) -> None:
    """Raise UntrustedAnswer unless the answer is about what was asked."""
    if found != asked:
        raise untrusted(call, f"{path}: {shortened(found)}, expected {asked!r}")


def parsed_digest(call: Call, text: str, path: str) -> Digest:
    """Parse a digest of an answer or raise UntrustedAnswer."""
    try:
        return digest(text, path)
    except InvalidReference as error:
        raise untrusted(call, str(error)) from error


def _expect_same(call: Call, target: Target, *, registry: str, repository: str) -> None:
    expect(call, "$.registry", registry.lower(), target.registry)
    expect(call, "$.imageName", repository, target.repository)


def _off(wire: WireAttributes) -> Off:
    enabled = (wire.delete_enabled, wire.write_enabled, wire.list_enabled, wire.read_enabled)
    return frozenset(attribute for attribute, on in zip(Attribute, enabled, strict=True) if not on)


def _references(call: Call, wire: list[WireReference] | None) -> tuple[Reference, ...] | None:
    if wire is None:
        return None
    return tuple(
        Reference(
            digest=parsed_digest(call, child.digest, f"$.manifest.references[{index}].digest"),
            has_platform=bool(child.os),
        )
        for index, child in enumerate(wire)
    )


def _tags(call: Call, wire: list[str] | None) -> tuple[Tag, ...]:
    try:
        return tuple(tag(text, f"$.manifest.tags[{index}]") for index, text in enumerate(wire or ()))
    except InvalidReference as error:
        raise untrusted(call, str(error)) from error


def moment(call: Call, text: str, path: str) -> datetime:
    """Parse `2022-03-07T23:33:47.2842157Z`: up to seven fraction digits, the seventh is cut off."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_time(call, text, path) from None
    if moment.tzinfo is None:
        raise _bad_time(call, text, path)
    return moment.astimezone(UTC)


def _bad_time(call: Call, text: str, path: str) -> UntrustedAnswer:
    return untrusted(call, f"{path}: {shortened(text)}, expected an ISO 8601 time with its zone")
