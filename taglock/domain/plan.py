"""What a rule wants of an image, as a plan that can only tighten."""

import msgspec

from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.rule import Mode, Rule


class LockPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes to turn off on the tag and on every manifest of the closure; there is no way to turn any on."""

    rule: str
    mode: Mode
    tag_off: Off
    manifest_off: Off
    referrers: bool = False
    """Whether manifests whose subject is in the closure are locked as well."""


def plan_release(rule: Rule, *, mode: Mode) -> LockPlan:
    """Plan the lock of a pushed release: the tag by the rule's profile, its manifests by the manifest profile."""
    return LockPlan(
        rule=rule.name,
        mode=effective_mode(rule, mode),
        tag_off=rule.profile.off,
        manifest_off=rule.manifest_profile.off,
        referrers=rule.referrers,
    )


def plan_referrer(rule: Rule, *, mode: Mode) -> LockPlan:
    """Plan the lock of a referrer that was pushed by digest: its manifests only, by the release's rule."""
    return LockPlan(
        rule=rule.name,
        mode=effective_mode(rule, mode),
        tag_off=NOTHING_OFF,
        manifest_off=rule.manifest_profile.off,
        referrers=rule.referrers,
    )


def undecided_plan(mode: Mode) -> LockPlan:
    """Return the plan of a push that cannot be decided yet: it wants nothing and names no rule."""
    return LockPlan(rule="", mode=mode, tag_off=NOTHING_OFF, manifest_off=NOTHING_OFF)


def effective_mode(rule: Rule, mode: Mode) -> Mode:
    """Return report when either the app or the rule says so."""
    return Mode.REPORT if Mode.REPORT in (mode, rule.mode) else Mode.ENFORCE
