"""From the tables of a rule file to rules: what each key means, and which keys do not go together."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from taglock.domain.attributes import BUILT_IN_PROFILES, IMMUTABLE, QUARANTINED, UNDELETABLE, Attribute, LockProfile
from taglock.domain.matcher import (
    ANY_TEXT,
    REGISTRY_NAMES,
    REPOSITORY_NAMES,
    TAG_NAMES,
    Alphabet,
    GlobList,
    glob_list,
    spelled_list,
    whole_regex,
)
from taglock.domain.rule import EVERYTHING, Action, Mode, Rule, Scope, Trigger
from taglock.domain.semver_tag import SemverTags
from taglock.domain.tag_matcher import TagMatcher, TagPattern, tag_matcher
from taglock.domain.version_range import parse_range
from taglock.errors import InvalidInput, Problem
from taglock.rule_tables import ProfileTable, RuleTable, TagsTable
from taglock.table_reader import shown, under

IMAGE_ONLY = ("on", "tags", "media_types", "artifact_types", "environments", "manifest_profile", "referrers", "tag")
PROTECT_ONLY = ("profile", "manifest_profile", "referrers", "tag", "mode")
DEPLOYMENT_ONLY = ("environments", "tag")
PATTERN_KEYS = ("semver", "glob", "regex")
SEMVER_ONLY = ("prereleases", "variants")


class RuleBuilder(msgspec.Struct, frozen=True):
    """Builds the rules of one file; what is wrong is added to `problems` and left out."""

    profiles: Mapping[str, LockProfile]
    problems: list[Problem]
    unusable: frozenset[str]
    """Paths of values that were given but could not be read; no second problem is made of their absence."""

    def rule(self, table: RuleTable, path: str) -> Rule:
        """Return the rule of a table; with a problem the rule is of no use and only its problems count."""
        self.problems.extend(self._misplaced_keys(table, path))
        scope, action = _or(table.scope, Scope.IMAGE), _or(table.action, Action.PROTECT)
        return Rule(
            name=_or(table.name, path),
            on=frozenset(_or(table.on, (Trigger.PUSH,))),
            action=action,
            scope=scope,
            mode=None if isinstance(table.mode, UnsetType) else Mode.REPORT,
            profile=self._profile(table.profile, f"{path}.profile") or IMMUTABLE,
            manifest_profile=self._profile(table.manifest_profile, f"{path}.manifest_profile") or UNDELETABLE,
            referrers=_or(table.referrers, False),
            tag=_or(table.tag, False),
            registries=self._globs(table.registries, f"{path}.registries", REGISTRY_NAMES) or EVERYTHING,
            repositories=self._globs(table.repositories, f"{path}.repositories", REPOSITORY_NAMES) or EVERYTHING,
            tags=self._tags(table.tags, f"{path}.tags"),
            media_types=self._globs(table.media_types, f"{path}.media_types"),
            artifact_types=self._globs(table.artifact_types, f"{path}.artifact_types"),
            environments=self._globs(table.environments, f"{path}.environments"),
        )

    def _misplaced_keys(self, table: RuleTable, path: str) -> Iterator[Problem]:
        protects, is_repository = table.action is not Action.IGNORE, table.scope is Scope.REPOSITORY
        if is_repository:
            for key in _given(table, IMAGE_ONLY):
                yield Problem(f"{path}.{key}", "has no meaning with scope = 'repository', expected it left out")
            if protects and table.profile is UNSET and f"{path}.profile" not in self.unusable:
                yield Problem(f"{path}.profile", "is missing, expected a profile: a repository has no default")
        elif Trigger.DEPLOYMENT not in _or(table.on, ()) and f"{path}.on" not in self.unusable:
            for key in _given(table, DEPLOYMENT_ONLY if protects else ("environments",)):
                yield Problem(f"{path}.{key}", "is about deployments, expected 'deployment' in on")
        if not protects:
            for key in _given(table, PROTECT_ONLY):
                yield Problem(f"{path}.{key}", "has no meaning with action = 'ignore', expected it left out")

    def _tags_complaints(self, table: TagsTable, path: str) -> Iterator[Problem]:
        given = [key for key in PATTERN_KEYS if getattr(table, key) is not UNSET or f"{path}.{key}" in self.unusable]
        if len(given) != 1:
            what = " and ".join(given) if given else "no pattern"
            yield Problem(path, f"{what} given, expected exactly one of {', '.join(PATTERN_KEYS)}")
        if "semver" not in given:
            for key in _given(table, SEMVER_ONLY):
                yield Problem(f"{path}.{key}", "has a meaning only with semver, expected it left out")
        for index, variant in enumerate(_or(table.variants, ())):
            if not variant or variant.startswith("-") or set(variant) - (TAG_NAMES.characters or set()):
                expected = "the end of a tag after '-', without that '-', such as 'alpine'"
                yield Problem(f"{path}.variants[{index}]", f"{shown(variant)}, expected {expected}")

    def _profile(self, name: str | UnsetType, path: str) -> LockProfile | None:
        if isinstance(name, UnsetType):
            return None
        profile = self.profiles.get(name)
        if profile is None:
            why = " is for acts of a person only" if name == QUARANTINED.name else ""
            known = spelled_list(tuple(self.profiles))
            self.problems.append(Problem(path, f"{shown(name)}{why}, expected one of {known}"))
        return profile

    def _globs(self, globs: tuple[str, ...] | UnsetType, path: str, alphabet: Alphabet = ANY_TEXT) -> GlobList | None:
        if isinstance(globs, UnsetType):
            return None
        return self._attempt(lambda: glob_list(globs, path, alphabet=alphabet))

    def _tags(self, table: TagsTable | UnsetType, path: str) -> TagMatcher | None:
        if isinstance(table, UnsetType):
            return None
        self.problems.extend(self._tags_complaints(table, path))
        exclude = self._globs(table.exclude, f"{path}.exclude", TAG_NAMES)
        patterns = list(self._patterns(table, path))
        return tag_matcher(patterns[0], exclude) if patterns else None

    def _patterns(self, table: TagsTable, path: str) -> Iterator[TagPattern]:
        semver, glob, regex = table.semver, table.glob, table.regex
        if not isinstance(semver, UnsetType):
            tags = self._attempt(lambda: _semver_tags(semver, table, path))
            yield from [tags] if tags is not None else []
        if not isinstance(glob, UnsetType):
            globs = self._globs(glob, f"{path}.glob", TAG_NAMES)
            yield from [globs] if globs is not None else []
        if not isinstance(regex, UnsetType):
            whole = self._attempt(lambda: whole_regex(regex, f"{path}.regex"))
            yield from [whole] if whole is not None else []

    def _attempt[T](self, build: Callable[[], T]) -> T | None:
        try:
            return build()
        except InvalidInput as error:
            self.problems.extend(error.problems)
            return None


def declared_profiles(
    tables: Mapping[str, ProfileTable | UnsetType], problems: list[Problem]
) -> Mapping[str, LockProfile]:
    """Return the built-in profiles and those that a file declares."""
    profiles = dict(BUILT_IN_PROFILES)
    for name, table in tables.items():
        if name in BUILT_IN_PROFILES or name == QUARANTINED.name:
            problems.append(Problem(under("$.profile", name), f"{name!r} is built in, expected another name"))
        else:
            off = () if isinstance(table, UnsetType) else _or(table.off, ())
            profiles[name] = LockProfile(name, frozenset(map(Attribute, off)))
    return profiles


def _or[T](value: T | UnsetType, default: T) -> T:
    return default if isinstance(value, UnsetType) else value


def _given(table: RuleTable | TagsTable, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(table, key) is not UNSET]


def _semver_tags(text: str, table: TagsTable, path: str) -> SemverTags:
    variants = sorted(set(_or(table.variants, ())), key=lambda variant: (-len(variant), variant))
    return SemverTags(
        range=parse_range(text, f"{path}.semver"),
        prereleases=_or(table.prereleases, False),
        variants=tuple(variants),
    )
