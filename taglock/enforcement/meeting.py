"""Where a lock meets people's acts: the marks of its repository are read before anything is asked of the registry."""

import asyncio
from collections.abc import Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import Place
from taglock.domain.acts.marks import RepositoryMarks
from taglock.domain.acts.meeting import Meeting
from taglock.domain.announcement import outbox_rows, quarantined_running_event
from taglock.domain.outbound import OutboundEvent
from taglock.domain.outcome import Failure, Locking
from taglock.domain.record import quarantined_running_row
from taglock.domain.reference import Target, manifest_target
from taglock.domain.row import Change
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.acts.storing import Held, held_marks, mark_change
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerConflict, LedgerError, NotFound, RegistryError, TaglockError


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """The marks that a lock met, and what could not be settled with them."""

    meeting: Meeting
    held: Held = {}
    """With the versions that a change must replace."""
    failures: tuple[Failure, ...] = ()
    """Why all of it has to be looked at again."""
    retired: str = ""
    """The retirement that rules the image out, '' when none does."""

    def taken_back(self, locking: Locking) -> Sequence[Change]:
        """Return the changes that end the retirement of what is locked again."""
        subject = self.meeting.subject
        digests = [digest for digest, _ in (*locking.applied, *locking.already)]
        proved = [manifest_target(subject.registry, subject.repository, digest) for digest in digests]
        tags = [locking.tag.target] if locking.tag is not None else []
        return [change for target in (*tags, *proved) for change in self._taken_back(target)]

    def _taken_back(self, target: Target) -> Sequence[Change]:
        held = self.held.get(target)
        if held is None or held.marks.retired is None:
            return []
        return mark_change(target, held, replace(held.marks, retired=None))

    def suspends(self, targets: Sequence[Target], app: Enforcement) -> tuple[Failure, ...]:
        """Return why a lock is not complete when nothing but these targets is left, which are unlocked for a time."""
        if not targets:
            return ()
        seconds = self.meeting.seconds_until_free(targets, app.clock.now())
        message = "unlocked for a time, or just being unlocked; it is locked after that"
        return tuple(
            Failure(target=str(target), message=message, transient=True, retry_after=seconds) for target in targets
        )


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is written and published with whatever becomes of the lock."""

    changes: tuple[Change, ...] = ()
    events: tuple[OutboundEvent, ...] = ()


def quarantined_runs(app: Enforcement, runs: ImageRuns, acts: Sequence[str], *, trigger: str) -> Told:
    """Return what is told of a deployment of a quarantined image, once for each quarantine."""
    now = app.clock.now()
    events = [quarantined_running_event(runs, act, now=now) for act in acts] if app.publisher is not None else []
    journal = [quarantined_running_row(runs, act, trigger=trigger, now=now) for act in acts]
    return Told(changes=(*journal, *outbox_rows(events)), events=tuple(events))


async def meet(app: Enforcement, subject: Subject, *, trigger: str, deadline: float) -> Met:
    """Read the marks of an image's repository, and make a pushed tag part of exactly the quarantines of its digest.

    What could not be told or finished is among the failures: the image is locked all the same and looked at again.
    Raises LedgerConflict.
    """
    try:
        held = await held_marks(app.rows, subject.registry, subject.repository)
    except LedgerError as error:
        unknown = f"it cannot be told whether somebody quarantined, unlocked or retired it: {error}"
        failure = Failure(target=subject.image, message=unknown, transient=True)
        return Met(meeting=Meeting(subject=subject), failures=(failure,))
    marks = RepositoryMarks({target: each.marks for target, each in held.items()})
    met = Met(meeting=Meeting(subject=subject, marks=marks), held=held)
    try:
        async with asyncio.timeout_at(deadline):
            await _settle(app, met.meeting, trigger)
            return replace(met, retired=await _retired(app, met.meeting))
    except LedgerConflict:
        raise
    except TaglockError as error:
        return replace(met, failures=(_unsettled(subject, error),))
    except TimeoutError:
        failure = Failure(target=subject.image, message="the time was used up by quarantines", transient=True)
        return replace(met, failures=(failure,))


def _unsettled(subject: Subject, error: TaglockError) -> Failure:
    target = f"acts on {subject.image}"
    if isinstance(error, RegistryError):
        return replace(Failure.of(target, error, may_be_gone=False), transient=True)
    return Failure(target=target, message=str(error), transient=True)


async def _settle(app: Enforcement, meeting: Meeting, trigger: str) -> None:
    if not meeting.unsettled:
        return
    from taglock.enforcement.acts.joining import settle_tag  # nearly no push needs it

    await settle_tag(app, _place(meeting.subject), trigger=trigger)


async def _retired(app: Enforcement, meeting: Meeting) -> str:
    retired = meeting.retired
    if retired is None or (meeting.another_digest and await _points_to_pushed(app, meeting.subject)):
        return ""
    return f"given up by {retired.act} on {retired.at.isoformat()}"


async def _points_to_pushed(app: Enforcement, subject: Subject) -> bool:
    place = _place(subject)
    assert place.tag is not None  # only a tag that was retired can point elsewhere
    try:
        return (await app.registries(place.registry).tag(place.repository, place.tag)).digest == subject.digest
    except NotFound:
        return False


def _place(subject: Subject) -> Place:
    return Place(registry=subject.registry, repository=subject.repository, tag=subject.tag, digest=subject.digest)
