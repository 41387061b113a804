"""One attempt to lock an image, and what the ledger held about the image before."""

from datetime import datetime

import msgspec

from taglock.domain.ledger import DueWork, Finding, ProvenManifest, Release
from taglock.domain.outcome import Locking, Relation
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest
from taglock.domain.rule import Mode
from taglock.domain.subject import Subject

MAXIMUM_PROBLEMS = 20


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger held about an image before the first request to the registry."""

    release: Release | None = None
    release_version: str | None = None
    """The version that a new release row replaces."""
    proof: ProvenManifest | None = None
    """Of the root that runs; a push is judged by its release."""
    due: DueWork | None = None
    open_findings: tuple[Finding, ...] = ()


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to lock an image."""

    subject: Subject
    plan: LockPlan
    relation: Relation
    locking: Locking
    known: Known
    trigger: str
    now: datetime

    @property
    def mode(self) -> Mode:
        """The mode that the plan was applied in."""
        return self.plan.mode

    @property
    def digest_now(self) -> Digest | None:
        """Where the tag points now, else the digest that was pushed or runs."""
        return self.locking.tag.digest if self.locking.tag is not None else self.subject.digest


def problems(locking: Locking) -> tuple[str, ...]:
    """Return why an attempt is not complete, one sentence for each reason, at most twenty."""
    sentences = [f"{failure.target}: {failure.message}" for failure in locking.failures]
    sentences += [f"{digest}: an index whose children nobody named" for digest in locking.unknown]
    if locking.exceeded:
        sentences.append("the closure has more manifests than TAGLOCK_MAX_CLOSURE allows")
    return tuple(sentences[:MAXIMUM_PROBLEMS])
