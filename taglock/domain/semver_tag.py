"""Tags that are semantic versions: `1.4.2`, `v1.4.2`, `1.4.2-rc.1`, `1.4.2-alpine`, `1.4.2-rc.1-alpine`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from taglock.domain.reference import Tag
from taglock.domain.version_range import VersionRange

if TYPE_CHECKING:
    from semver import Version


class SemverTag(msgspec.Struct, frozen=True):
    """A tag read as a version and, when one was declared, the variant at its end."""

    version: "Version"
    variant: str | None = None


class SemverTags(msgspec.Struct, frozen=True, kw_only=True):
    """Tags that are versions in a range, with any of the variants or none."""

    range: VersionRange
    prereleases: bool = False
    variants: tuple[str, ...] = ()
    """Suffixes after a `-` that are not prereleases, longest first."""

    def matches(self, tag: Tag) -> bool:
        """Tell whether the tag is a version in the range that may be a prerelease only if prereleases are wanted."""
        return self._miss(tag) is None

    def why_not(self, tag: Tag) -> str:
        """Return why the tag does not match, as the end of a sentence that began with the tag."""
        return self._miss(tag) or "matches"

    def _miss(self, tag: Tag) -> str | None:
        found = parse_semver_tag(tag, self.variants)
        if found is None:
            return "is not a version of three numbers"
        if found.version.prerelease is not None and not self.prereleases:
            return f"is the prerelease {found.version.prerelease!r} (no such variant is declared)"
        return None if self.range.contains(found.version) else f"is outside {self.range.text!r}"


def parse_semver_tag(tag: str, variants: Sequence[str] = ()) -> SemverTag | None:
    """Read a tag as a version; of the variants (longest first), the longest that leaves a version is taken off."""
    for variant in variants:
        if tag.endswith(f"-{variant}"):
            version = _version(tag[: -len(variant) - 1])
            if version is not None:
                return SemverTag(version, variant)
    version = _version(tag)
    return None if version is None else SemverTag(version)


@lru_cache(maxsize=4096)
def _version(text: str) -> "Version | None":
    from semver import Version  # its package costs 8 ms, which only files with versions should pay

    try:
        version = Version.parse(text.removeprefix("v"))
    except ValueError:
        return None
    return version if version.build is None else None
