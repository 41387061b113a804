"""The arithmetic of docs/scale.md: how many requests some work needs, and how long the limits make it take."""

from dataclasses import dataclass
from math import ceil

MINUTES = {"standard": 0, "premium": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A registry to audit whose repositories are equally large."""

    tags: int
    manifests: int
    repositories: int
    indexes: int

    def requests(self, *, page: int, first: bool) -> int:
        """Return the reads: pages of repositories, tags and manifests, one for each repository, at first each index."""
        tags, manifests = self.tags // self.repositories, self.manifests // self.repositories
        each = ceil(tags / page) + ceil(manifests / page) + 1
        return ceil(self.repositories / page) + self.repositories * each + (self.indexes if first else 0)


def minutes(requests: float, limit: float, *, share: float) -> str:
    """Return the minutes as documents write them: with one digit, and whole above ten."""
    taken = requests / (limit * share)
    return f"{taken:.1f}" if taken < 10 else f"{round(taken):,}"


def lock_writes(children: int | None) -> int:
    """Return the updates that lock a plain image (None) or an index: its tag, each child, the manifest itself."""
    return 2 if children is None else children + 2
