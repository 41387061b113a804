"""The documented request limits: a bucket per category, for the registry and for each identity."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil

from localcloud.registry.options import RegistryOptions
from localcloud.registry.refusals import throttled
from localcloud.registry.routes import EXCHANGE, REFERRERS, TOKEN, Route

WAIT_SECONDS = 60
_MINUTE = 60.0


class Category(StrEnum):
    """What kind of request counts together."""

    READ = "DataplaneRead"
    WRITE = "DataplaneWrite"
    DELETE = "Delete"
    REFERRERS = "ListReferrers"
    OAUTH = "OAuth"


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests per minute for the whole registry and for one identity (None: not counted)."""

    registry: int
    identity: int | None


_STANDARD: Mapping[Category, Limit] = {
    Category.READ: Limit(10_000, 5_000),
    Category.WRITE: Limit(2_000, 1_000),
    Category.DELETE: Limit(1_000, 500),
    Category.REFERRERS: Limit(500, 250),
    Category.OAUTH: Limit(10_000, None),
}
_PREMIUM: Mapping[Category, Limit] = {
    Category.READ: Limit(20_000, 10_000),
    Category.WRITE: Limit(4_000, 2_000),
    Category.DELETE: Limit(4_000, 2_000),
    Category.REFERRERS: Limit(2_000, 1_000),
    Category.OAUTH: Limit(20_000, None),
}
LIMITS: Mapping[str, Mapping[Category, Limit]] = {
    "off": _STANDARD,
    "basic": _STANDARD,
    "standard": _STANDARD,
    "premium": _PREMIUM,
}


def category_of(method: str, route: Route) -> Category:
    """Return which limit a request counts against."""
    if route.noun in (EXCHANGE, TOKEN):
        return Category.OAUTH
    if route.noun == REFERRERS:
        return Category.REFERRERS
    if method == "DELETE":
        return Category.DELETE
    return Category.READ if method in ("GET", "HEAD") else Category.WRITE


@dataclass(slots=True)
class _Bucket:
    limit: float
    left: float
    at: float
    blocked_until: float = 0.0

    def wait(self, now: float) -> int:
        """Return for how many seconds this bucket is closed; the number counts down and waiting does not extend it."""
        if now < self.blocked_until:
            return ceil(self.blocked_until - now)
        if self.blocked_until:
            self.left, self.blocked_until = self.limit, 0.0
        self.left = min(self.limit, self.left + (now - self.at) * self.limit / _MINUTE)
        self.at = now
        if self.left < 1:
            self.blocked_until = now + WAIT_SECONDS
            return WAIT_SECONDS
        return 0


class Throttle:
    """Counts requests and refuses those over a limit."""

    def __init__(self, *, now: Callable[[], datetime], options: RegistryOptions) -> None:
        self._now = now
        self._options = options
        self._buckets: dict[tuple[Category, str], _Bucket] = {}
        self._settings: tuple[str, float] = ("", 0.0)

    def count(self, category: Category, identity: str | None) -> float:
        """Count one request and return the calls per second that remain, or raise the refusal 429."""
        limits = LIMITS[self._options.throttling][category]
        if self._options.throttling == "off":
            return (limits.identity or limits.registry) / _MINUTE
        buckets = list(self._concerned(category, limits, identity))
        wait = max(bucket.wait(self._now().timestamp()) for bucket in buckets)
        if wait:
            raise throttled(wait if self._options.retry_after == "sent" else None)
        for bucket in buckets:
            bucket.left -= 1
        return min(bucket.left for bucket in buckets) / _MINUTE

    def reset(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()

    def _concerned(self, category: Category, limits: Limit, identity: str | None) -> Iterator[_Bucket]:
        settings = (self._options.throttling, self._options.throttle_scale)
        if settings != self._settings:
            self._settings = settings
            self._buckets.clear()
        yield self._bucket(category, "", limits.registry)
        if identity is not None and limits.identity is not None:
            yield self._bucket(category, identity, limits.identity)

    def _bucket(self, category: Category, identity: str, limit: int) -> _Bucket:
        key = (category, identity)
        if key not in self._buckets:
            size = max(limit * self._options.throttle_scale, 1.0)
            self._buckets[key] = _Bucket(size, size, self._now().timestamp())
        return self._buckets[key]
