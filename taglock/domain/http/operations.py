"""Every HTTP function of the app: where it is, who may call it, and what goes in and out."""

from typing import Literal

import msgspec

from taglock.domain.acts.answer import ManyRetired
from taglock.domain.http import bodies
from taglock.domain.http.answers import ActBody, ActsBody
from taglock.domain.http.principal import Role

BODY_STATUSES = (400, 413, 415)
ACT_STATUSES = (207, *BODY_STATUSES, 404, 409, 422)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP function."""

    name: str
    """Of the function, and the operation's id."""
    method: Literal["GET", "POST"]
    path: str
    """Below the route prefix `/api/`."""
    summary: str
    role: Role | None
    """None for anybody."""
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    answer: type[msgspec.Struct] | None = None
    """None for free-form JSON."""
    media_type: str = "application/json"
    success: int = 200
    statuses: tuple[int, ...] = ()
    """Besides success, 403 and 503."""
    paged: bool = False
    also_json: bool = False
    """Whether `?format=json` answers JSON in place of a page."""


class AuditBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /api/audit."""

    registry: bodies.Reference | None = None


OPERATIONS = (
    Operation(
        name="quarantine",
        method="POST",
        path="quarantine",
        summary="Make an image, with its whole closure and every tag on it, impossible to pull",
        role=Role.OPERATE,
        body=bodies.QuarantineBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="quarantines",
        method="GET",
        path="quarantine",
        summary="List quarantines, newest first",
        role=Role.READ,
        answer=ActsBody,
        statuses=(400,),
        paged=True,
    ),
    Operation(
        name="quarantine_shown",
        method="GET",
        path="quarantine/{id}",
        summary="Show a quarantine with its targets",
        role=Role.READ,
        answer=ActBody,
        statuses=(404,),
    ),
    Operation(
        name="quarantine_lift",
        method="POST",
        path="quarantine/{id}/lift",
        summary="Restore what was there before a quarantine",
        role=Role.BREAK_GLASS,
        body=bodies.EndBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="unlock",
        method="POST",
        path="unlock",
        summary="Unlock an image or a repository for a time",
        role=Role.BREAK_GLASS,
        body=bodies.UnlockBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="unlock_end",
        method="POST",
        path="unlock/{id}/end",
        summary="Lock again now",
        role=Role.BREAK_GLASS,
        body=bodies.EndBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="hold",
        method="POST",
        path="hold",
        summary="Lock an image or a repository until the hold is ended",
        role=Role.BREAK_GLASS,
        body=bodies.HoldBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="hold_end",
        method="POST",
        path="hold/{id}/end",
        summary="End a hold",
        role=Role.BREAK_GLASS,
        body=bodies.EndBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="retire",
        method="POST",
        path="retire",
        summary="Unlock an image for good, so that it may be deleted",
        role=Role.BREAK_GLASS,
        body=bodies.RetireBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="retire_many",
        method="POST",
        path="retire/many",
        summary="Plan, and once acknowledged carry out, the retirement of all releases of a rule or since a time",
        role=Role.BREAK_GLASS,
        body=bodies.RetireManyBody,
        answer=ManyRetired,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="accept",
        method="POST",
        path="accept",
        summary="Make the digest that a moved tag points to the release",
        role=Role.BREAK_GLASS,
        body=bodies.AcceptBody,
        answer=ActBody,
        statuses=ACT_STATUSES,
    ),
    Operation(
        name="audit",
        method="POST",
        path="audit",
        summary="Begin an audit now, or join the one under way",
        role=Role.OPERATE,
        body=AuditBody,
        body_required=False,
        success=202,
        statuses=(*BODY_STATUSES, 422),
    ),
    Operation(
        name="audit_progress",
        method="GET",
        path="audit/{id}",
        summary="Tell how far an audit has come, or what came of it",
        role=Role.READ,
        statuses=(404,),
    ),
    Operation(
        name="reports",
        method="GET",
        path="report",
        summary="A page over all registries",
        role=Role.READ,
        media_type="text/html",
        statuses=(400,),
        also_json=True,
    ),
    Operation(
        name="report",
        method="GET",
        path="report/{registry}",
        summary="The page of a registry's latest audit",
        role=Role.READ,
        media_type="text/html",
        statuses=(404,),
    ),
    Operation(
        name="doctor", method="GET", path="doctor", summary="Examine the app and its surroundings", role=Role.READ
    ),
    Operation(name="openapi", method="GET", path="openapi.json", summary="This document", role=Role.READ),
    Operation(name="health", method="GET", path="health", summary="Whether the app runs", role=None, statuses=(503,)),
)
