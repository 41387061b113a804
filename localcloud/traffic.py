"""What a local service was asked: the last requests one by one, all of them as counts."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

REMEMBERED_REQUESTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as it was answered.

    `kind` is the method and a noun ("PATCH manifest", "GET manifest attributes", "POST token"); `status` is 0 when
    no answer was sent; `scope` is what a token request asked for; `required` is the scope the request needed.
    """

    method: str
    path: str
    kind: str
    repository: str
    reference: str
    status: int
    at: datetime
    host: str
    user_agent: str
    scope: str
    authorization: str
    required: str

    @property
    def authorized(self) -> bool:
        """Whether the request carried an Authorization header; `authorization` is its scheme."""
        return bool(self.authorization)


WATCHERS: list[Callable[[SeenRequest], None]] = []
"""Each is called with every request of every service in this process, as it is answered."""


class Traffic:
    """The requests a service has seen: counts without end, the newest requests in bounded memory."""

    def __init__(self, remembered: int = REMEMBERED_REQUESTS) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=remembered)
        self._counts: Counter[str] = Counter()
        self._cleared = 0

    @property
    def total(self) -> int:
        """How many requests were seen since the last `clear`."""
        return self._counts.total()

    @property
    def remembered(self) -> tuple[SeenRequest, ...]:
        """The newest requests, oldest first."""
        return tuple(self._seen)

    def add(self, request: SeenRequest) -> None:
        """Remember one request."""
        self._seen.append(request)
        self._counts[request.kind] += 1
        for watcher in WATCHERS:
            watcher(request)

    def counts(self) -> dict[str, int]:
        """Return how often each kind of request was seen since the last `clear`."""
        return dict(self._counts)

    def mark(self) -> int:
        """Return a mark for `since`: the requests seen so far, those before a `clear` included."""
        return self._cleared + self.total

    def since(self, mark: int) -> tuple[SeenRequest, ...]:
        """Return the requests after a mark, oldest first, or raise LookupError when some were forgotten."""
        wanted = max(self.mark() - max(mark, self._cleared), 0)
        if wanted > len(self._seen):
            raise LookupError(f"{wanted} requests since mark {mark!r}, expected at most {len(self._seen)} remembered")
        return tuple(islice(self._seen, len(self._seen) - wanted, None))

    def counts_since(self, mark: int) -> dict[str, int]:
        """Return how often each kind of request was seen after a mark; LookupError as in `since`."""
        return dict(Counter(request.kind for request in self.since(mark)))

    def clear(self) -> None:
        """Forget all requests and start the counts again; marks taken before stay valid."""
        self._cleared += self.total
        self._seen.clear()
        self._counts.clear()
