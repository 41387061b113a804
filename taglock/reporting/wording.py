"""Numbers, times and foreign text as people read them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from taglock.domain.ledger import Severity

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MINUTE, HOUR = 60, 3600

MEANINGS: Mapping[str, str] = {
    "BASELINE_MISSING": "releases are locked, but the ledger knows of none, so nobody can tell what is missing",
    "CLOSURE_INCOMPLETE": "the tag and its root are locked, a child is not",
    "CLOSURE_UNKNOWN": ("the registry does not name the children of an index, and its content may not be read"),
    "COVERAGE_GAP": "something in a registry could not be looked at",
    "DEPLOYMENT_AMBIGUOUS": "a tag moved after it was deployed: another digest than the recorded one may run",
    "EVENT_MISSED": "a release that no event announced, or a tag that left a quarantine unheard",
    "GRANT_OVERDUE": "the time of a grant has passed, and not everything is locked again",
    "LOCK_FAILED": "a lock could not be finished within 24 hours",
    "LOOSENED": "an attribute that was proved off is on again",
    "ORPHAN_LOCK": "a release that no rule wants any more stays locked until a person retires it",
    "PARTLY_LOCKED": "some of the wanted attributes are off, some are on",
    "QUARANTINE_BROKEN": "a quarantined manifest can be pulled or deleted",
    "RELEASE_MISSING": "a release, or a manifest that was locked with one, is gone",
    "REPAIR_REFUSED": "a repair needs more updates than `TAGLOCK_MAX_ACTIONS` allows, so none was made",
    "TAG_MOVED": "a release's tag points to another digest than the one recorded",
    "UNKNOWN_REGISTRY": "an event came from a registry that is not on the allow-list",
    "UNLOCKED": "a release without a lock",
}
"""What a kind of finding says, in the words of docs/glossary.md; a kind that is not here is shown by its name alone."""

RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


def rank(severity: str) -> int:
    """Return where a severity stands, 0 the most severe; an unknown one comes last."""
    return RANKS.get(severity, len(RANKS))


def meaning(kind: str) -> str:
    """Return what a kind of finding says, or its name as words when nobody wrote it down."""
    return MEANINGS.get(kind, kind.replace("_", " ").lower())


def visible(text: str) -> str:
    """Return a text in which every character can be seen: controls and changes of direction become escapes.

    A name with a right-to-left override would otherwise show as another name.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def shortened(text: str, *, limit: int) -> str:
    """Return a visible text of at most `limit` characters; an ellipsis says that something was cut off."""
    seen = visible(text[: limit + 1])
    return seen if len(seen) <= limit else seen[: limit - 1] + ELLIPSIS


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 tag`, `2,000 tags`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def compact(number: int) -> str:
    """Return a number in at most four characters as long as it is below a thousand million: `950`, `12k`, `3M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number // size}{letter}"
    return str(number)


def moment(at: datetime) -> str:
    """Return a time in UTC to the minute: `24 Nov 2026, 14:31 UTC`."""
    return f"{day(at)}, {at.astimezone(UTC):%H:%M} UTC"


def day(at: datetime) -> str:
    """Return a day in UTC: `24 Nov 2026`."""
    return f"{at.astimezone(UTC):%d %b %Y}"


def stamp(at: datetime) -> str:
    """Return a time in UTC as machines read it: `2026-11-24T14:31:07Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def lasting(seconds: float) -> str:
    """Return a length of time in its two largest units: `0.8 s`, `42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
