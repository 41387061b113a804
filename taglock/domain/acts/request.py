"""What a person asks for, parsed and typed; what is asked for is never trusted to be within the allow-list."""

from datetime import datetime, timedelta

import msgspec

from taglock.domain.acts.act import Actor, Place
from taglock.domain.attributes import LockProfile
from taglock.domain.reference import Digest, LoginServer


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and why."""

    by: Actor
    reason: str


class QuarantineAsked(Asked, frozen=True, kw_only=True):
    """Make an image, or a whole repository, impossible to pull."""

    place: Place
    ticket: str = ""
    review_by: datetime | None = None
    acknowledge: Digest | None = None
    """The digest that may be quarantined although it runs, or although nobody knows."""
    everywhere: bool = False
    """Also where the ledger knows the same digest in other repositories and registries."""


class HoldAsked(Asked, frozen=True, kw_only=True):
    """Lock an image or a repository until the hold is ended, whatever the rules say."""

    place: Place
    profile: LockProfile
    manifest_profile: LockProfile
    """For manifests when the place names a tag; the same as `profile` when it names a digest."""


class UnlockAsked(Asked, frozen=True, kw_only=True):
    """Unlock an image or a repository for a time."""

    place: Place
    expires_in: timedelta
    force: bool = False


class RetireAsked(Asked, frozen=True, kw_only=True):
    """Unlock an image for good, so that it may be deleted."""

    place: Place
    force: bool = False


class RetireManyAsked(Asked, frozen=True, kw_only=True):
    """Retire all releases that a rule locked, or that were locked since a time: undoes a wrong rule."""

    registry: LoginServer | None = None
    """None for every registry of the allow-list."""
    rule: str | None = None
    since: datetime | None = None
    acknowledge: str | None = None
    """The plan that a preview answered; without it nothing is changed."""
    force: bool = False


class AcceptAsked(Asked, frozen=True, kw_only=True):
    """Make the digest that a moved tag points to the release."""

    place: Place
    """With a tag."""
    digest: Digest


class EndAsked(Asked, frozen=True, kw_only=True):
    """End an act: lift a quarantine, end a grant or a hold."""

    act: str
    force: bool = False
    """Restore although somebody else changed a target meanwhile."""
