"""What is wanted of a target now, and what an act that ends therefore has to set."""

import msgspec

from taglock.domain.acts.marks import Marks
from taglock.domain.attributes import NOTHING_OFF, Attribute, Off

EVERYTHING: Off = frozenset(Attribute)


def wanted(locked: Off, marks: Marks | None) -> Off:
    """Return what must be off: `locked` is what releases, deployments and the rules behind them want.

    A grant suspends all but quarantine, also while it ends: only its own end locks again.
    """
    if marks is None:
        return locked
    if marks.grant is not None:
        return marks.quarantined
    return (NOTHING_OFF if marks.retired is not None else locked) | marks.held | marks.quarantined


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """What to set on a target so that an act leaves it as it was."""

    off: Off
    on: Off

    @property
    def result(self) -> Off:
        """What is off of the attributes that are set."""
        return self.off


def restoration(*, prior: Off, wanted_now: Off, touched: Off) -> Restoration:
    """Return how to undo what an act turned off: `touched` goes back to what it was, apart from what is wanted now.

    `prior` is what was off before the first act that is still on the target; `touched` what this act turned off
    (everything, to restore exactly whatever others did meanwhile).
    """
    off = prior | wanted_now
    return Restoration(off=off, on=touched - off)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else did to a target while an act was open."""

    turned_on: Off
    turned_off: Off

    def __bool__(self) -> bool:
        return bool(self.turned_on or self.turned_off)


def changed_meanwhile(observed: Off, *, prior: Off, acts: Off, locked: Off) -> Change:
    """Compare what a target shows with what it should, while the act is still open.

    `acts` is what acts want, this one included, and `locked` what is locked beside them. That may be off whenever it
    was turned off; on again it is drift, which need not have come meanwhile, and ending the act locks it anyway.
    """
    return Change(turned_on=(prior | acts) - observed, turned_off=observed - (prior | acts | locked))
