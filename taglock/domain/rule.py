"""Rules, and deciding by them: the first rule that matches wins; every answer says which rule or that none did."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from types import MappingProxyType

import msgspec

from taglock.domain.attributes import BUILT_IN_PROFILES, UNDELETABLE, LockProfile
from taglock.domain.matcher import GlobList, glob_list
from taglock.domain.reference import LoginServer, Repository, Tag
from taglock.domain.tag_matcher import TagMatcher, is_cosign_tag

EVERYTHING = glob_list(["**"])


class Trigger(StrEnum):
    """What happened to an image."""

    PUSH = "push"
    DEPLOYMENT = "deployment"


class Mode(StrEnum):
    """Whether automatic triggers change anything."""

    ENFORCE = "enforce"
    REPORT = "report"


class Scope(StrEnum):
    """What a rule is about: images, or the repository's own attributes."""

    IMAGE = "image"
    REPOSITORY = "repository"


class Action(StrEnum):
    """What a rule does with what it matches."""

    PROTECT = "protect"
    IGNORE = "ignore"


class Need(StrEnum):
    """Something that a candidate does not know yet and a condition depends on."""

    MEDIA_TYPE = "media_type"
    ARTIFACT_TYPE = "artifact_type"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An image that was pushed or is running. For both types None means not known yet, '' known to be none."""

    registry: LoginServer
    repository: Repository
    tag: Tag | None
    trigger: Trigger = Trigger.PUSH
    media_type: str | None = None
    artifact_type: str | None = None
    environment: str | None = None
    """Of a deployment; None is treated as the empty name."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. A condition that is None is met by everything."""

    name: str
    on: frozenset[Trigger] = frozenset({Trigger.PUSH})
    action: Action = Action.PROTECT
    scope: Scope = Scope.IMAGE
    mode: Mode | None = None
    """REPORT or None: a rule can only be milder than the global mode."""
    profile: LockProfile
    """What is turned off on the tag, or on the repository for Scope.REPOSITORY."""
    manifest_profile: LockProfile = UNDELETABLE
    referrers: bool = False
    """Whether signatures and SBOMs that refer to the image are locked too."""
    tag: bool = False
    """Whether a deployment locks the tag that it named too."""
    registries: GlobList = EVERYTHING
    repositories: GlobList = EVERYTHING
    tags: TagMatcher | None = None
    media_types: GlobList | None = None
    artifact_types: GlobList | None = None
    environments: GlobList | None = None

    def applies_to(self, registry: LoginServer, repository: Repository) -> bool:
        """Tell whether the rule can say anything about this repository."""
        return (self.registries.is_everything or self.registries.matches(registry)) and (
            self.repositories.is_everything or self.repositories.matches(repository)
        )


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule file promises: this image, or for Scope.REPOSITORY this repository, is decided by that rule."""

    expect: str
    """The name of a rule, or `none`."""
    registry: LoginServer | None
    """None means that it must hold in every registry."""
    repository: Repository
    tag: Tag | None = None
    scope: Scope = Scope.IMAGE
    trigger: Trigger = Trigger.PUSH
    media_type: str | None = None
    artifact_type: str | None = None
    environment: str | None = None


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one file, in order."""

    rules: tuple[Rule, ...]
    profiles: Mapping[str, LockProfile] = msgspec.field(
        default_factory=lambda: MappingProxyType(dict(BUILT_IN_PROFILES))
    )
    """By name, built in and declared ones."""
    examples: tuple[Example, ...] = ()
    version: int = 1

    def rule(self, name: str) -> Rule | None:
        """Return the rule of this name, None when there is none."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def wants_referrers(self, registry: LoginServer, repository: Repository) -> bool:
        """Tell whether any protecting rule with `referrers = true` could apply to this repository."""
        return any(rule.referrers and rule.applies_to(registry, repository) for rule in self.rules)


class Protect(msgspec.Struct, frozen=True):
    """Lock it as this rule says."""

    rule: Rule


class Ignore(msgspec.Struct, frozen=True):
    """Leave it alone; the reason names the rule, or says that none matched."""

    reason: str
    rule: Rule | None = None


class Undecided(msgspec.Struct, frozen=True):
    """This rule matches if what is not known yet fits; nothing before it matches."""

    needs: frozenset[Need]
    rule: Rule


Decision = Protect | Ignore | Undecided


class RuleAnswer(msgspec.Struct, frozen=True):
    """What one rule says about a candidate, in one sentence."""

    rule: Rule
    matched: bool
    sentence: str
    needs: frozenset[Need] = frozenset()
    """What the rule's answer depends on and is not known yet; no later rule is asked then."""


def decide(rules: RuleSet, candidate: Candidate) -> Decision:
    """Return what the first matching image rule says; a total function of its arguments."""
    for rule in rules.rules:
        if rule.scope is Scope.IMAGE and _miss(rule, candidate) is None:
            needs = _needs(rule, candidate)
            return Undecided(needs, rule) if needs else _answer(rule)
    return Ignore(_none_matched(candidate))


def decide_repository(rules: RuleSet, *, registry: LoginServer, repository: Repository) -> Decision:
    """Return what the first matching repository rule says; this chain never stops image rules."""
    for rule in rules.rules:
        if rule.scope is Scope.REPOSITORY and rule.applies_to(registry, repository):
            return _answer(rule)
    return Ignore("no repository rule matched")


def explain(rules: RuleSet, candidate: Candidate) -> tuple[RuleAnswer, ...]:
    """Return what each image rule says about the candidate, in order; the first that matched decides."""
    return tuple(_explained(rule, candidate) for rule in rules.rules if rule.scope is Scope.IMAGE)


def _none_matched(candidate: Candidate) -> str:
    if candidate.tag is None and candidate.trigger is Trigger.PUSH:
        return "no rule matched: a push without a tag is a release only through its subject"
    if candidate.tag is not None and is_cosign_tag(candidate.tag):
        return "no rule matched: a cosign tag, and no rule names these tags"
    return "no rule matched"


def _answer(rule: Rule) -> Decision:
    if rule.action is Action.PROTECT:
        return Protect(rule)
    return Ignore(f"rule {rule.name!r} says ignore", rule)


def _explained(rule: Rule, candidate: Candidate) -> RuleAnswer:
    miss = _miss(rule, candidate)
    if miss is not None:
        return RuleAnswer(rule, matched=False, sentence=miss())
    needs = _needs(rule, candidate)
    if needs:
        sentence = f"depends on the {' and the '.join(sorted(needs))}, not known yet"
        return RuleAnswer(rule, matched=False, sentence=sentence, needs=needs)
    return RuleAnswer(rule, matched=True, sentence="every condition is met")


def _needs(rule: Rule, candidate: Candidate) -> frozenset[Need]:
    needs = set()
    if rule.media_types is not None and candidate.media_type is None:
        needs.add(Need.MEDIA_TYPE)
    if rule.artifact_types is not None and candidate.artifact_type is None:
        needs.add(Need.ARTIFACT_TYPE)
    return frozenset(needs)


def _miss(rule: Rule, candidate: Candidate) -> Callable[[], str] | None:
    """Return the first condition that is known not to be met; its sentence is made only when a person asks."""
    if rule.action is Action.IGNORE and rule.tags is not None and candidate.trigger is Trigger.DEPLOYMENT:
        return lambda: "it ignores tags, and a digest that runs is never ignored for its tag"
    if candidate.trigger not in rule.on:
        return lambda: f"it is for {' and '.join(sorted(rule.on))}, and this is a {candidate.trigger}"
    if not rule.applies_to(candidate.registry, candidate.repository):
        return lambda: _elsewhere(rule, candidate)
    return _tag_miss(rule, candidate) or _kind_miss(rule, candidate)


def _elsewhere(rule: Rule, candidate: Candidate) -> str:
    if not rule.registries.matches(candidate.registry):
        return f"registry {candidate.registry!r} {rule.registries.why_not(candidate.registry)}"
    return f"repository {candidate.repository!r} {rule.repositories.why_not(candidate.repository)}"


def _tag_miss(rule: Rule, candidate: Candidate) -> Callable[[], str] | None:
    tag, tags = candidate.tag, rule.tags
    if tag is None:
        # A push by digest is a child or a referrer of something; a deployment by digest is an image that runs.
        return (lambda: "no tag is named") if tags is not None or candidate.trigger is Trigger.PUSH else None
    if tags is None:
        cosign = is_cosign_tag(tag)
        return (lambda: f"tag {tag!r} belongs to cosign, and the rule does not name such tags") if cosign else None
    return None if tags.matches(tag) else lambda: f"tag {tag!r} {tags.why_not(tag)}"


def _kind_miss(rule: Rule, candidate: Candidate) -> Callable[[], str] | None:
    for what, globs, text in (
        ("media type", rule.media_types, candidate.media_type),
        ("artifact type", rule.artifact_types, candidate.artifact_type),
        ("environment", rule.environments, _environment(candidate)),
    ):
        if globs is not None and text is not None and not globs.matches(text):
            return partial(_kind_sentence, what, globs, text)
    return None


def _environment(candidate: Candidate) -> str | None:
    return (candidate.environment or "") if candidate.trigger is Trigger.DEPLOYMENT else None


def _kind_sentence(what: str, globs: GlobList, text: str) -> str:
    return f"{what} {text!r} {globs.why_not(text)}"
