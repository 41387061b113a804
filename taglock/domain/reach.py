"""Rules that can never apply because an earlier rule takes everything they could match.

Only what is certain is reported: a condition covers another when it is absent, equal, or the wider list of globs.
"""

from collections.abc import Iterator, Sequence

from taglock.domain.matcher import GlobList
from taglock.domain.rule import Action, Rule, Scope, Trigger
from taglock.domain.tag_matcher import TagMatcher, TagPattern


def unreachable(rules: Sequence[Rule]) -> Iterator[tuple[int, Rule]]:
    """Yield the index of each rule that can never apply, and an earlier rule that takes what it would match."""
    for index, rule in enumerate(rules):
        covering = [_covering(rules[:index], rule, trigger) for trigger in sorted(rule.on)]
        first = covering[0]
        if first is not None and all(covering):
            yield index, first


def _covering(earlier: Sequence[Rule], rule: Rule, trigger: Trigger) -> Rule | None:
    return next((other for other in earlier if _covers(other, rule, trigger)), None)


def _covers(earlier: Rule, rule: Rule, trigger: Trigger) -> bool:
    if earlier.scope is not rule.scope or not (
        _list_covers(earlier.registries, rule.registries) and _list_covers(earlier.repositories, rule.repositories)
    ):
        return False
    if rule.scope is Scope.REPOSITORY:
        return True
    if trigger is Trigger.DEPLOYMENT and earlier.action is Action.IGNORE and earlier.tags is not None:
        return False  # it never ignores what runs
    return (
        trigger in earlier.on
        and _tags_cover(earlier.tags, rule.tags)
        and _list_covers(earlier.media_types, rule.media_types)
        and _list_covers(earlier.artifact_types, rule.artifact_types)
        and (trigger is Trigger.PUSH or _list_covers(earlier.environments, rule.environments))
    )


def _list_covers(wider: GlobList | None, narrower: GlobList | None) -> bool:
    if wider is None or wider.is_everything:
        return True
    return narrower is not None and _has_entries_of(wider, narrower)


def _has_entries_of(wider: GlobList, narrower: GlobList) -> bool:
    return set(wider.positive) >= set(narrower.positive) and set(wider.negative) <= set(narrower.negative)


def _tags_cover(wider: TagMatcher | None, narrower: TagMatcher | None) -> bool:
    if wider is None:
        return narrower is None or not narrower.names_cosign
    if narrower is None:
        return False
    excluded = set(wider.exclude.entries if wider.exclude else ())
    also_excluded = set(narrower.exclude.entries if narrower.exclude else ())
    return excluded <= also_excluded and _pattern_covers(wider.pattern, narrower)


def _pattern_covers(wider: TagPattern, narrower: TagMatcher) -> bool:
    if wider == narrower.pattern:
        return True
    if not isinstance(wider, GlobList):
        return False
    if isinstance(narrower.pattern, GlobList) and _has_entries_of(wider, narrower.pattern):
        return True
    return wider.is_everything and not narrower.names_cosign
