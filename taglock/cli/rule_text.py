"""Rules in words, for a terminal."""

from collections.abc import Sequence

from taglock.domain.attributes import LockProfile, spelled
from taglock.domain.matcher import GlobList, WholeRegex
from taglock.domain.rule import Action, Rule, Scope, Trigger
from taglock.domain.semver_tag import SemverTags
from taglock.domain.tag_matcher import TagMatcher


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as left-aligned columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def rule_rows(rules: Sequence[Rule]) -> list[list[str]]:
    """Return a header and one row per rule: name, trigger, where, tags, what it turns off."""
    header = ["RULE", "ON", "REPOSITORIES", "TAGS", "TURNS OFF"]
    return [header, *([rule.name, _trigger(rule), _where(rule), _tags(rule.tags), turns_off(rule)] for rule in rules)]


def turns_off(rule: Rule) -> str:
    """Return what a rule turns off, such as `tag delete,write; manifests delete`."""
    if rule.action is Action.IGNORE:
        return "nothing (ignore)"
    suffix = " (report only)" if rule.mode else ""
    if rule.scope is Scope.REPOSITORY:
        return f"repository {spelled(rule.profile.off)}{suffix}"
    parts = [f"tag {spelled(rule.profile.off)}"] if Trigger.PUSH in rule.on or rule.tag else []
    parts.append(f"manifests {spelled(rule.manifest_profile.off)}")
    return "; ".join([*parts, *(["referrers too"] if rule.referrers else [])]) + suffix


def profile_text(profile: LockProfile) -> str:
    """Return a profile in words, such as `delete,write off (profile immutable)`."""
    return f"{spelled(profile.off)} off (profile {profile.name})"


def _trigger(rule: Rule) -> str:
    return "audit" if rule.scope is Scope.REPOSITORY else ",".join(trigger for trigger in Trigger if trigger in rule.on)


def _where(rule: Rule) -> str:
    repositories = _cut(" ".join(rule.repositories.entries))
    return (
        repositories if rule.registries.is_everything else f"{_cut(' '.join(rule.registries.entries))}: {repositories}"
    )


def _tags(tags: TagMatcher | None) -> str:
    if tags is None:
        return "any"
    excluded = f", not {' '.join(tags.exclude.entries)}" if tags.exclude else ""
    return _cut(f"{_pattern(tags)}{excluded}")


def _pattern(tags: TagMatcher) -> str:
    match tags.pattern:
        case SemverTags() as semver:
            extra = [*(["prereleases"] if semver.prereleases else []), *semver.variants]
            return f"semver {semver.range.text}{' +' if extra else ''}{','.join(extra)}"
        case GlobList() as globs:
            return " ".join(globs.entries)
        case WholeRegex() as regex:
            return f"regex {regex.pattern}"


def _cut(text: str, limit: int = 48) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
