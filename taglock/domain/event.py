"""Event Grid events, parsed once into values: understood, not for us with a reason, or rejected with a path.

Both schemas are read (Event Grid and CloudEvents 1.0), with `data` as an object or as a JSON string: the official
JavaScript SDK decodes strings for the four ContainerRegistry types because some arrive that way
(https://github.com/Azure/azure-sdk-for-js/tree/main/sdk/eventgrid). Everything but the repository may be missing
(azure-rest-api-specs, Microsoft.ContainerRegistry/stable/2018-01-01/ContainerRegistry.json).
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

import msgspec

from taglock.domain.envelope import (
    CLOCK_TOLERANCE as CLOCK_TOLERANCE,
)
from taglock.domain.envelope import (
    as_object,
    decoded,
    decoded_once,
    optional_text,
    parse_time,
    required_text,
    required_time,
)
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, digest, repository, tag
from taglock.errors import InvalidEvent, InvalidReference

IMAGE_PUSHED = "Microsoft.ContainerRegistry.ImagePushed"


class ImagePushed(msgspec.Struct, frozen=True, kw_only=True, tag="pushed"):
    """An image was pushed: at least one of tag and digest is known."""

    registry: LoginServer
    repository: Repository
    tag: Tag | None
    digest: Digest | None
    media_type: str | None
    event_id: str
    occurred_at: datetime
    location: str | None = None

    @property
    def image(self) -> str:
        """The image as text, with all that the event named."""
        tagged = f":{self.tag}" if self.tag is not None else ""
        pinned = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.registry}/{self.repository}{tagged}{pinned}"


class NotForUs(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed event that the app does not act on, and why."""

    event_id: str
    event_type: str
    reason: str


class UnknownRegistry(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a registry that is not in the allow-list."""

    event_id: str
    registry: str
    """The resource name or host as the event gave it."""


ParsedEvent = ImagePushed | NotForUs | UnknownRegistry


class RegistryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a known registry, its content still unparsed."""

    registry: LoginServer
    event_id: str
    occurred_at: datetime
    content: Mapping[str, object]


def parse_event(text: str, *, registries: Mapping[str, LoginServer], now: datetime) -> ParsedEvent:
    """Parse one push event; raise InvalidEvent with the path of what is wrong."""
    event = registry_event(text, IMAGE_PUSHED, registries=registries, now=now)
    return _image_pushed(event) if isinstance(event, RegistryEvent) else event


def registry_event(
    text: str, wanted_type: str, *, registries: Mapping[str, LoginServer], now: datetime
) -> RegistryEvent | NotForUs | UnknownRegistry:
    """Read what all events of a registry share; raise InvalidEvent with the path of what is wrong.

    `registries` maps each resource name (lower case) of the allow-list to its login server. Event times later than
    five minutes after `now` are cut to that, so that a wrong clock cannot make an event newest for ever.
    """
    envelope = as_object(decoded(text, "$"), "$")
    cloud_event = "specversion" in envelope
    event_id = required_text(envelope, "id", "$")
    event_type = required_text(envelope, "type" if cloud_event else "eventType", "$")
    if event_type != wanted_type:
        return NotForUs(event_id=event_id, event_type=event_type, reason="no handler for this event type")
    source = optional_text(envelope, "source" if cloud_event else "topic", "$")
    if source is not None and "/connectedregistries/" in source.lower():
        reason = "raised by a connected registry, which does not support image locking"
        return NotForUs(event_id=event_id, event_type=event_type, reason=reason)
    content = as_object(decoded_once(envelope.get("data"), "$.data"), "$.data")
    login_server = _registry(source, content, registries)
    if not isinstance(login_server, _Known):
        return UnknownRegistry(event_id=event_id, registry=login_server)
    time_key = "time" if cloud_event else "eventTime"
    occurred_at = min(_occurred_at(envelope, time_key, content), now + CLOCK_TOLERANCE)
    return RegistryEvent(
        registry=login_server.login_server, event_id=event_id, occurred_at=occurred_at, content=content
    )


def _image_pushed(event: RegistryEvent) -> ImagePushed:
    target = as_object(event.content.get("target"), "$.data.target")
    path = "$.data.target"
    tag_text = optional_text(target, "tag", path)
    digest_text = optional_text(target, "digest", path)
    if tag_text is None and digest_text is None:
        raise InvalidEvent.at(path, sorted(target), "a tag, a digest or both")
    try:
        return ImagePushed(
            registry=event.registry,
            repository=repository(target.get("repository"), f"{path}.repository"),
            tag=None if tag_text is None else tag(tag_text, f"{path}.tag"),
            digest=None if digest_text is None else digest(digest_text, f"{path}.digest"),
            media_type=optional_text(target, "mediaType", path),
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            location=optional_text(event.content, "location", "$.data"),
        )
    except InvalidReference as error:
        raise InvalidEvent(*error.problems) from None


class _Known(msgspec.Struct, frozen=True):
    login_server: LoginServer


def _registry(source: str | None, content: Mapping[str, object], registries: Mapping[str, LoginServer]) -> _Known | str:
    """Return the registry that the topic names; the request's host must agree, and decides alone without a topic."""
    host = _host(content)
    if source is None:
        if host is None:
            raise InvalidEvent.at("$.topic", None, "the registry's resource id, or $.data.request.host")
        return _Known(LoginServer(host)) if host in registries.values() else host
    name = _resource_name(source)
    known = registries.get(name.lower())
    if known is None:
        return name
    if host is not None and host != known:
        raise InvalidEvent.at("$.data.request.host", host, f"{known!r}, the login server of the registry in the topic")
    return _Known(known)


def _resource_name(source: str) -> str:
    segments = source.strip("/").split("/")
    for kind, name in pairwise(segments):
        if kind.lower() == "registries" and name:
            return name
    raise InvalidEvent.at("$.topic", source, "a resource id that ends in /registries/NAME")


def _host(content: Mapping[str, object]) -> str | None:
    request = content.get("request")
    if request is None:
        return None
    host = optional_text(as_object(request, "$.data.request"), "host", "$.data.request")
    return None if host is None else host.lower().removesuffix(":443")


def _occurred_at(envelope: Mapping[str, object], key: str, content: Mapping[str, object]) -> datetime:
    """Return when the push happened: the event's own timestamp, else the envelope's time."""
    return parse_time(content.get("timestamp")) or required_time(envelope, key, "$")
