"""What a person is answered: the act, what became of each target, who runs it, and what else is concerned."""

import msgspec

from taglock.domain.acts.act import Act, ActTarget, Outcome, Place
from taglock.domain.deployment import WhoRuns
from taglock.domain.reference import Digest


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs one manifest of the closure."""

    digest: Digest
    who: WhoRuns


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """An index outside the closure that names some of its manifests too."""

    index: Place
    manifests: tuple[Digest, ...]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What else an act concerns, as far as the ledger knows."""

    runs: tuple[Runs, ...] = ()
    shares: tuple[Shared, ...] = ()
    elsewhere: tuple[Place, ...] = ()
    """The same digest in other repositories and registries."""
    unread: tuple[str, ...] = ()
    """Why this may not be all."""
    acknowledge: str = ""
    """What has to be acknowledged, '' when nobody is known to run any of it: the digest, or of a whole repository what
    stands for those who run it."""


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An act as it is now; as a preview, as it would be."""

    act: Act
    targets: tuple[ActTarget, ...]
    joined: bool = False
    """Whether the same act was open already, so that nothing new was begun."""
    preview: bool = False
    surroundings: Surroundings = Surroundings()
    undo: tuple[str, ...] = ()
    """The `az` commands that would restore each target by hand."""

    @property
    def complete(self) -> bool:
        """Whether every target is as the act wants it (else: 207)."""
        return not any(target.outcome in (Outcome.WAITING, Outcome.FAILED) for target in self.targets)


class ActPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some acts, newest first, and where the next page begins."""

    acts: tuple[Act, ...]
    following: str | None = None


class Retirement(msgspec.Struct, frozen=True, kw_only=True):
    """One release of a retirement in bulk."""

    place: Place
    rule: str
    act: str = ""
    outcome: str = "planned"
    """planned, retired, unfinished or refused."""
    message: str = ""


class ManyRetired(msgspec.Struct, frozen=True, kw_only=True):
    """A retirement in bulk: its plan, and with the plan acknowledged what became of it."""

    plan: str
    """What to acknowledge; it changes with what would be retired."""
    retirements: tuple[Retirement, ...]
    carried_out: bool = False
