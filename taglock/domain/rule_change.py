"""What another set of rules would change for one tag."""

from collections.abc import Iterable, Iterator

import msgspec

from taglock.domain.attributes import spelled
from taglock.domain.reference import LoginServer, Repository, Tag
from taglock.domain.rule import Candidate, Decision, Protect, RuleSet, Undecided, decide


class KnownTag(msgspec.Struct, frozen=True):
    """As much of a tag as rules can ask for; one line of a saved snapshot."""

    registry: LoginServer
    repository: Repository
    tag: Tag
    media_type: str
    artifact_type: str


class RuleChange(msgspec.Struct, frozen=True):
    """A tag that two sets of rules decide differently, each decision in words."""

    tag: KnownTag
    before: str
    after: str


def changes(tags: Iterable[KnownTag], before: RuleSet, after: RuleSet) -> Iterator[RuleChange]:
    """Yield the tags that would be locked otherwise, by another rule, or no longer."""
    for tag in tags:
        candidate = Candidate(
            registry=tag.registry,
            repository=tag.repository,
            tag=tag.tag,
            media_type=tag.media_type,
            artifact_type=tag.artifact_type,
        )
        now, then = told(decide(before, candidate)), told(decide(after, candidate))
        if now != then:
            yield RuleChange(tag, now, then)


def told(decision: Decision) -> str:
    """Return a decision in words: what is turned off by which rule, or that it is left alone."""
    match decision:
        case Protect(rule):
            report = ", in report mode" if rule.mode else ""
            return (
                f"tag {spelled(rule.profile.off)}; manifests {spelled(rule.manifest_profile.off)} ({rule.name}{report})"
            )
        case Undecided(rule=rule):
            return f"undecided ({rule.name})"
        case _:
            return "left alone"
