"""One request to a registry, as a plain value that every part of the registry adapter shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from time import monotonic

from taglock.adapters.http_answer import Answer as Answer
from taglock.domain.reference import Repository
from taglock.errors import Unavailable, UntrustedAnswer
from taglock.signals import SILENT, Signals

MEBIBYTE = 1 << 20


class Action(StrEnum):
    """What a token may be asked to allow on a repository, in the registry's spelling."""

    METADATA_READ = "metadata_read"
    METADATA_WRITE = "metadata_write"
    PULL = "pull"
    CATALOG = "*"
    """List the repositories: of the registry itself, not of a repository."""


class Category(Enum):
    """What the registry counts separately when it throttles (https://aka.ms/acr/skus)."""

    READ = "read"
    WRITE = "write"
    REFERRERS = "referrers"
    TOKEN = "token"


class Priority(Enum):
    """Who waits for whom: audits leave room for events."""

    EVENT = "event"
    BACKGROUND = "background"


class ScopeMode(StrEnum):
    """How far one access token reaches.

    A registry in ABAC mode silently ignores the wildcard, so DETECT looks for the claim `aad_identity` in the
    refresh token (as https://github.com/Azure/acr-cli does) and then asks per repository.
    """

    DETECT = "detect"
    WILDCARD = "wildcard"
    PER_REPOSITORY = "per-repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The one action on the one repository that a call needs."""

    repository: Repository
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `path` starts with `/` and is already escaped; `operation` and `target` are for messages."""

    method: str
    path: str
    operation: str
    target: str
    category: Category
    need: Need | None = None
    """None for the token endpoints, which carry their own proof in the body."""
    priority: Priority = Priority.EVENT
    accept: str = "application/json"
    body: bytes | None = field(default=None, repr=False)
    """Never shown: those of the token endpoints are secrets."""
    content_type: str = "application/json"

    def untrusted(self, reason: str, status: int | None = None) -> UntrustedAnswer:
        """Build the error for an answer that must not be believed; None when it never came to an answer."""
        return UntrustedAnswer(reason, operation=self.operation, target=self.target, status=status)

    def unavailable(self, reason: str) -> Unavailable:
        """Build the error for no usable answer."""
        return Unavailable(reason, operation=self.operation, target=self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrOptions:
    """How to talk to one registry; times in seconds, limits in requests a minute and identity.

    The limits are those of the Basic and Standard tiers (https://aka.ms/acr/skus); Premium has twice as much.
    """

    audience: str
    """The Entra resource to ask a token for, such as `https://containerregistry.azure.net`."""
    request_timeout_seconds: float = 10.0
    """For one request; a call with everything it may need (token, one retry, waiting) is bounded by twice that."""
    share: float = 0.8
    """The part of the documented limits that this process may use."""
    scopes: ScopeMode = ScopeMode.DETECT
    user_agent: str = "taglock"
    maximum_body_bytes: int = 8 * MEBIBYTE
    connections: int = 100
    reads_per_minute: int = 5_000
    writes_per_minute: int = 1_000
    referrers_per_minute: int = 250
    tokens_per_minute: int = 10_000
    monotonic: Callable[[], float] = monotonic
    """A clock that never goes back; tests set it."""
    signals: Signals = SILENT
    """Who hears of each request."""

    def per_minute(self, category: Category) -> int:
        """Return the documented limit of a category."""
        return {
            Category.READ: self.reads_per_minute,
            Category.WRITE: self.writes_per_minute,
            Category.REFERRERS: self.referrers_per_minute,
            Category.TOKEN: self.tokens_per_minute,
        }[category]
