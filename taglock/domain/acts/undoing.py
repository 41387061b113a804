"""How an act is undone: by taglock, target by target, and by hand with the Azure CLI."""

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.marks import Marks, without
from taglock.domain.acts.wanted import EVERYTHING, Change, Restoration, changed_meanwhile, restoration, wanted
from taglock.domain.attributes import NOTHING_OFF, Attribute, Off
from taglock.domain.reference import TargetKind


def undo_of(act: Act, target: ActTarget, marks: Marks | None, *, locked: Off) -> Restoration:
    """Return what to set on a target so that nothing of an act is left on it, apart from what is wanted now.

    Only what the act itself turned off goes back to what it was; everything when the end was forced.
    """
    touched = EVERYTHING if act.end_forced else target.want
    rest = without(marks, act.id) if marks is not None else None
    return restoration(prior=prior_of(target, marks) & touched, wanted_now=wanted(locked, rest), touched=touched)


def prior_of(target: ActTarget, marks: Marks | None) -> Off:
    """Return what was off before the first act that is still on the target."""
    return marks.prior if marks is not None and marks.wants else target.prior


def still_wanted(act: Act, target: ActTarget, marks: Marks | None) -> Off:
    """Return what other quarantines and holds want of what this act turned off."""
    rest = without(marks, act.id) if marks is not None else None
    return target.want & (rest.quarantined | rest.held) if rest is not None else NOTHING_OFF


def change_of(target: ActTarget, marks: Marks | None, *, locked: Off, observed: Off) -> Change:
    """Return what somebody else did to a target while the act was open; under a grant, only to what the act wants."""
    acts = wanted(NOTHING_OFF, marks) | target.want
    found = changed_meanwhile(observed, prior=prior_of(target, marks), acts=acts, locked=wanted(locked, marks))
    if marks is not None and (marks.grant is not None or marks.retired is not None):
        return Change(turned_on=found.turned_on & target.want, turned_off=NOTHING_OFF)
    return found


def undo_command(target: ActTarget, undo: Restoration, *, registry_name: str) -> str:
    """Return the `az` command that undoes an act on one target by hand, '' when nothing is to be turned on.

    Flags: https://learn.microsoft.com/cli/azure/acr/repository#az-acr-repository-update
    """
    if target.outcome in _UNTOUCHED or not undo.on:
        return ""
    what = "--repository" if target.target.kind is TargetKind.REPOSITORY else "--image"
    named = str(target.target).removeprefix(f"{target.target.registry}/")
    flags = " ".join(f"--{attribute}-enabled true" for attribute in Attribute if attribute in undo.on)
    return f"az acr repository update --name {registry_name} {what} {named} {flags}"


_UNTOUCHED = (Outcome.GONE, Outcome.MOVED, Outcome.RESTORED, Outcome.KEPT)
