"""The documented limit of reads: a bucket per subscription and caller that refills at a steady pace.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (250 reads,
25 more per second).
"""

from collections.abc import Callable
from datetime import datetime
from math import ceil

from localcloud.arm.options import ArmOptions


class ReadLimit:
    """The buckets of all subscriptions and callers."""

    def __init__(self, *, now: Callable[[], datetime], options: ArmOptions) -> None:
        self._now = now
        self._options = options
        self._buckets: dict[tuple[str, str], tuple[float, datetime]] = {}

    def take(self, subscription: str, caller: str) -> tuple[int, int]:
        """Count a read; return how many are left, and the whole seconds to wait when this one was too many, or 0."""
        bucket = (subscription.lower(), caller)
        left = self._refilled(bucket)
        if left < 1 and self._options.throttling == "on":
            pace = self._options.reads_per_second
            return 0, max(ceil((1 - left) / pace), 1) if pace else 3600
        self._buckets[bucket] = (max(left - 1, 0.0), self._now())
        return int(max(left - 1, 0)), 0

    def clear(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()

    def _refilled(self, bucket: tuple[str, str]) -> float:
        full = float(self._options.reads_bucket)
        left, since = self._buckets.get(bucket, (full, self._now()))
        return min(left + (self._now() - since).total_seconds() * self._options.reads_per_second, full)
