"""Examples of a rule file: decisions that it promises."""

from copy import replace

import msgspec

from taglock.domain.reference import LoginServer
from taglock.domain.rule import (
    EVERYTHING,
    Candidate,
    Decision,
    Example,
    RuleSet,
    Scope,
    Undecided,
    decide,
    decide_repository,
)

NO_RULE = "none"
_ANY_REGISTRY = LoginServer("any.registry.invalid")


class Judge(msgspec.Struct, frozen=True):
    """The rules by which examples are judged.

    An example that names no registry must hold in every registry, so it is decided twice: by all rules as if each
    applied everywhere, and by only those that do apply everywhere. The first rule to match is the same both times
    exactly when the registry cannot make a difference.
    """

    rules: RuleSet
    everywhere: RuleSet
    unrestricted: RuleSet


def judge(rules: RuleSet) -> Judge:
    """Return the judge of the examples of these rules."""
    everywhere = tuple(replace(rule, registries=EVERYTHING) for rule in rules.rules)
    unrestricted = tuple(rule for rule in rules.rules if rule.registries.is_everything)
    return Judge(rules, replace(rules, rules=everywhere), replace(rules, rules=unrestricted))


def broken_promise(judge: Judge, example: Example) -> str | None:
    """Return why the example does not hold, None when it does."""
    if example.registry is not None:
        return _complaint(_decided(judge.rules, example, example.registry), example)
    widest = _decided(judge.everywhere, example, _ANY_REGISTRY)
    narrowest = _decided(judge.unrestricted, example, _ANY_REGISTRY)
    if _decider(widest) != _decider(narrowest):
        return f"depends on the registry (rule {_decider(widest)!r}), expected REGISTRY/ in front of the repository"
    return _complaint(narrowest, example)


def _decided(rules: RuleSet, example: Example, registry: LoginServer) -> Decision:
    if example.scope is Scope.REPOSITORY:
        return decide_repository(rules, registry=registry, repository=example.repository)
    return decide(
        rules,
        Candidate(
            registry=registry,
            repository=example.repository,
            tag=example.tag,
            trigger=example.trigger,
            media_type=example.media_type,
            artifact_type=example.artifact_type,
            environment=example.environment,
        ),
    )


def _decider(decision: Decision) -> str:
    return NO_RULE if decision.rule is None else decision.rule.name


def _complaint(decision: Decision, example: Example) -> str | None:
    if isinstance(decision, Undecided):
        needs = " and ".join(sorted(decision.needs))
        return f"depends on the {needs} (rule {decision.rule.name!r}), expected {needs} in the example"
    decider = _decider(decision)
    return None if decider == example.expect else f"is decided by {decider!r}, expected {example.expect!r}"
