"""The bodies of requests: decoded once, strictly, into what a person asks for."""

import difflib
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import msgspec

from taglock.domain.acts.act import Actor, Place
from taglock.domain.acts.request import (
    AcceptAsked,
    EndAsked,
    HoldAsked,
    QuarantineAsked,
    RetireAsked,
    RetireManyAsked,
    UnlockAsked,
)
from taglock.domain.attributes import IMMUTABLE, UNDELETABLE
from taglock.domain.http.problem import Failed
from taglock.domain.http.values import act_id, digest_of, duration, has_controls, profile_of, time_of
from taglock.domain.reference import Digest, LoginServer, login_server, parse_reference
from taglock.errors import InvalidInput, InvalidRequest, Problem, shortened

LONGEST_BODY = 65_536
LONGEST_NAME = 600
"""Of a reference: 255 characters of a name, 128 of a tag and a digest; what is longer cannot be one."""
LONGEST_AHEAD = timedelta(days=3_650)

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why; it is kept with the act")]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Moment = Annotated[str, msgspec.Meta(max_length=64, description="A time with an offset, as in RFC 3339")]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every act needs."""

    reason: Reason


class PlaceBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act about an image, `REGISTRY/REPOSITORY:TAG` or `...@DIGEST`, or about a whole repository."""

    image: Reference | None = None
    repository: Reference | None = None
    """`REGISTRY/REPOSITORY`; exactly one of both."""


class QuarantineBody(PlaceBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/quarantine."""

    ticket: Annotated[str, msgspec.Meta(max_length=200)] = ""
    review_by: Moment | None = None
    preview: bool = False
    acknowledge: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    everywhere: bool = False


class EndBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST .../{id}/lift and .../{id}/end."""

    force: bool = False


class UnlockBody(PlaceBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/unlock."""

    expires_in: Annotated[str, msgspec.Meta(max_length=32, description="As PT30M, 30m, 2h or 90s")] = "PT30M"
    force: bool = False


class HoldBody(PlaceBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/hold."""

    profile: Annotated[str, msgspec.Meta(max_length=100)] = IMMUTABLE.name
    manifest_profile: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """For the manifests of a tag; `undeletable` when absent."""


class RetireBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/retire."""

    image: Reference
    force: bool = False


class RetireManyBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/retire/many: without `acknowledge` a preview."""

    registry: Reference | None = None
    rule: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    since: Moment | None = None
    acknowledge: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    force: bool = False


class AcceptBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/accept."""

    image: Reference
    digest: Annotated[str, msgspec.Meta(max_length=200)]


def decode[T: msgspec.Struct](kind: type[T], body: bytes) -> T:
    """Return a body; raise InvalidRequest with the path of what is wrong in it."""
    try:
        found = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _undecodable(kind, str(error)) from None
    if isinstance(found, Body) and (not found.reason.strip() or has_controls(found.reason)):
        raise InvalidRequest.at("$.reason", found.reason, "a reason without control characters")
    return found


_AT = re.compile(r" - at `(\$[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def _undecodable(kind: type[msgspec.Struct], message: str) -> InvalidRequest:
    at = _AT.search(message)
    path = at.group(1) if at is not None else "$"
    text = _AT.sub("", message)
    if (unknown := _UNKNOWN.search(text)) is not None:
        name = unknown.group(1)
        nearest = difflib.get_close_matches(name[:100], kind.__struct_fields__, n=1)
        expected = f"one of {', '.join(kind.__struct_fields__)}{f'; did you mean {nearest[0]}?' if nearest else ''}"
        return InvalidRequest(Problem(f"{path}.{name[:100]}", f"unknown member, expected {expected}", expected))
    if (missing := _MISSING.search(text)) is not None:
        return InvalidRequest(Problem(f"{path}.{missing.group(1)}", "missing, expected a value", "a value"))
    return InvalidRequest(Problem(path, text, f"a body of {kind.__name__}"))


class Reader:
    """Turns decoded bodies into what is asked for: by whom, when, and within which registries."""

    def __init__(self, *, by: Actor, now: datetime, registries: Collection[LoginServer]) -> None:
        self._by = by
        self._now = now
        self._registries = registries

    def quarantine(self, body: QuarantineBody) -> QuarantineAsked:
        """Return a quarantine."""
        if has_controls(body.ticket):
            raise InvalidRequest.at("$.ticket", body.ticket, "a ticket without control characters")
        return QuarantineAsked(
            by=self._by,
            reason=body.reason,
            place=self._place(body),
            ticket=body.ticket,
            review_by=self._later(body.review_by, "$.review_by"),
            acknowledge=self._digest(body.acknowledge, "$.acknowledge"),
            everywhere=body.everywhere,
        )

    def unlock(self, body: UnlockBody) -> UnlockAsked:
        """Return an unlock."""
        expires_in = duration(body.expires_in, "$.expires_in")
        return UnlockAsked(
            by=self._by, reason=body.reason, place=self._place(body), expires_in=expires_in, force=body.force
        )

    def hold(self, body: HoldBody) -> HoldAsked:
        """Return a hold."""
        place, profile = self._place(body), profile_of(body.profile, "$.profile")
        by_default = UNDELETABLE if place.tag is not None else profile
        manifests = profile_of(body.manifest_profile, "$.manifest_profile") if body.manifest_profile else by_default
        return HoldAsked(by=self._by, reason=body.reason, place=place, profile=profile, manifest_profile=manifests)

    def retire(self, body: RetireBody) -> RetireAsked:
        """Return a retirement."""
        return RetireAsked(by=self._by, reason=body.reason, place=self._image(body.image), force=body.force)

    def retire_many(self, body: RetireManyBody) -> RetireManyAsked:
        """Return a retirement in bulk."""
        if (body.rule is None) == (body.since is None):
            raise InvalidRequest.at("$", "both" if body.rule else "neither", "exactly one of rule and since")
        registry = self._registry(body.registry, "$.registry") if body.registry is not None else None
        return RetireManyAsked(
            by=self._by,
            reason=body.reason,
            registry=registry,
            rule=body.rule,
            since=time_of(body.since, "$.since") if body.since is not None else None,
            acknowledge=body.acknowledge,
            force=body.force,
        )

    def accept(self, body: AcceptBody) -> AcceptAsked:
        """Return an acceptance."""
        place = self._image(body.image)
        if place.tag is None:
            raise InvalidRequest.at("$.image", body.image, "REGISTRY/REPOSITORY:TAG, as it is a tag that moved")
        return AcceptAsked(by=self._by, reason=body.reason, place=place, digest=digest_of(body.digest, "$.digest"))

    def end(self, body: EndBody, act: str) -> EndAsked:
        """Return the end of an act."""
        return EndAsked(by=self._by, reason=body.reason, act=act_id(act), force=body.force)

    # -- places -------------------------------------------------------------------------------------------------

    def _place(self, body: PlaceBody) -> Place:
        if (body.image is None) == (body.repository is None):
            raise InvalidRequest.at("$", "both" if body.image else "neither", "exactly one of image and repository")
        if body.image is not None:
            return self._image(body.image)
        place = self._parsed(body.repository or "", "$.repository")
        if not place.whole_repository:
            raise InvalidRequest.at("$.repository", body.repository, "REGISTRY/REPOSITORY without tag and digest")
        return place

    def _image(self, text: str) -> Place:
        place = self._parsed(text, "$.image")
        if place.whole_repository:
            expected = "REGISTRY/REPOSITORY:TAG or ...@DIGEST; a whole repository is named as `repository`"
            raise InvalidRequest.at("$.image", text, expected)
        return place

    def _parsed(self, text: str, path: str) -> Place:
        try:
            found = parse_reference(text, path)
        except InvalidInput as error:
            raise InvalidRequest(*error.problems) from None
        registry = self._registry(found.registry, path)
        return Place(registry=registry, repository=found.repository, tag=found.tag, digest=found.digest)

    def _registry(self, text: str, path: str) -> LoginServer:
        try:
            registry = login_server(text, path)
        except InvalidInput as error:
            raise InvalidRequest(*error.problems) from None
        if registry not in self._registries:
            detail = f"{path}: {shortened(registry)}, expected one of TAGLOCK_REGISTRIES"
            raise Failed(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-registry", detail)
        return registry

    def _digest(self, text: str | None, path: str) -> Digest | None:
        return digest_of(text, path) if text is not None else None

    def _later(self, text: str | None, path: str) -> datetime | None:
        if text is None:
            return None
        found = time_of(text, path)
        if not self._now < found <= self._now + LONGEST_AHEAD:
            raise InvalidRequest.at(path, text, "a time to come, within ten years")
        return found
