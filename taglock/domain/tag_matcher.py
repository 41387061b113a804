"""Which tags a rule is about: versions, globs or a regular expression, minus exclusions, cosign's tags apart."""

import re
from dataclasses import dataclass, field

from taglock.domain.matcher import GlobList, WholeRegex, glob_list, spelled_list
from taglock.domain.reference import Tag
from taglock.domain.semver_tag import SemverTags

TagPattern = SemverTags | GlobList | WholeRegex

# A signature, attestation or SBOM is stored under a tag made of the digest that it is about:
# https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
COSIGN_MARK = "sha256-"
_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(?:sig|att|sbom)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TagMatcher:
    """A pattern and the globs that are excluded from it."""

    pattern: TagPattern
    exclude: GlobList | None = None
    _cosign: GlobList | WholeRegex | None = field(default=None, compare=False, repr=False)

    def matches(self, tag: Tag) -> bool:
        """Tell whether the tag matches the pattern and no exclusion."""
        if self.exclude is not None and self.exclude.matches(tag):
            return False
        if is_cosign_tag(tag):
            return self._cosign is not None and self._cosign.matches(tag)
        return self.pattern.matches(tag)

    def why_not(self, tag: Tag) -> str:
        """Return why the tag does not match, as the end of a sentence that began with the tag."""
        if self.exclude is not None and self.exclude.matches(tag):
            return f"is excluded by {spelled_list(self.exclude.entries)}"
        if is_cosign_tag(tag):
            return f"belongs to cosign, and no pattern here that contains {COSIGN_MARK!r} matches it"
        return self.pattern.why_not(tag)

    @property
    def names_cosign(self) -> bool:
        """Whether a positive pattern contains the literal `sha256-`, and so is about cosign's tags on purpose."""
        return self._cosign is not None


def tag_matcher(pattern: TagPattern, exclude: GlobList | None = None) -> TagMatcher:
    """Build a matcher; only the positive patterns that contain `sha256-` themselves can match a cosign tag."""
    return TagMatcher(pattern, exclude, _naming_cosign(pattern))


def is_cosign_tag(tag: str) -> bool:
    """Tell whether the tag has the form under which cosign stores signatures, attestations and SBOMs."""
    return tag.startswith(COSIGN_MARK) and _COSIGN_TAG.fullmatch(tag) is not None


def _naming_cosign(pattern: TagPattern) -> GlobList | WholeRegex | None:
    match pattern:
        case WholeRegex():
            return pattern if COSIGN_MARK in pattern.pattern else None
        case GlobList():
            naming = [entry for entry in pattern.positive if COSIGN_MARK in entry]
            return glob_list([*naming, *pattern.negative]) if naming else None
        case SemverTags():
            return None
