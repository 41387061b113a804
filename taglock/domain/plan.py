"""What a rule wants of an image, as a plan that can only tighten."""

from collections.abc import Sequence
from copy import replace

import msgspec

from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.rule import Mode, Rule


class LockPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes to turn off on the tag and on every manifest of the closure; there is no way to turn any on."""

    rule: str
    mode: Mode
    tag_off: Off
    manifest_off: Off
    tag_rule: str = ""
    """The rule that wants the tag, '' when none does."""
    referrers: bool = False
    """Whether manifests whose subject is in the closure are locked as well."""
    referrers_rule: str = ""
    """The rule that wants the referrers, '' when none does."""


def plan_release(rule: Rule, *, mode: Mode) -> LockPlan:
    """Plan the lock of a pushed release: the tag by the rule's profile, its manifests by the manifest profile."""
    return LockPlan(
        rule=rule.name,
        mode=effective_mode(rule, mode),
        tag_off=rule.profile.off,
        manifest_off=rule.manifest_profile.off,
        tag_rule=rule.name,
        referrers=rule.referrers,
        referrers_rule=rule.name if rule.referrers else "",
    )


def plan_manifests(rule: Rule, *, mode: Mode) -> LockPlan:
    """Plan the lock of manifests only, as for a referrer that was pushed by digest."""
    return replace(plan_release(rule, mode=mode), tag_off=NOTHING_OFF, tag_rule="")


def plan_running(rule: Rule, *, mode: Mode) -> LockPlan:
    """Plan the lock of an image that runs: its manifests, and its tag only when the rule says so."""
    return plan_release(rule, mode=mode) if rule.tag else plan_manifests(rule, mode=mode)


def united(plans: Sequence[LockPlan]) -> LockPlan:
    """Return one plan for what several rules want; those that may only report add nothing to one that enforces."""
    mode = Mode.ENFORCE if any(plan.mode is Mode.ENFORCE for plan in plans) else Mode.REPORT
    applied = [plan for plan in plans if plan.mode is mode]
    return LockPlan(
        rule=applied[0].rule,
        mode=mode,
        tag_off=NOTHING_OFF.union(*(plan.tag_off for plan in applied)),
        manifest_off=NOTHING_OFF.union(*(plan.manifest_off for plan in applied)),
        tag_rule=next((plan.tag_rule for plan in applied if plan.tag_rule), ""),
        referrers=any(plan.referrers for plan in applied),
        referrers_rule=next((plan.referrers_rule for plan in applied if plan.referrers_rule), ""),
    )


def undecided_plan(mode: Mode) -> LockPlan:
    """Return the plan of a push that cannot be decided yet: it wants nothing and names no rule."""
    return LockPlan(rule="", mode=mode, tag_off=NOTHING_OFF, manifest_off=NOTHING_OFF)


def effective_mode(rule: Rule, mode: Mode) -> Mode:
    """Return report when either the app or the rule says so."""
    return Mode.REPORT if Mode.REPORT in (mode, rule.mode) else Mode.ENFORCE
