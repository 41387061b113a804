"""What the app tells whoever operates it: spans and measures. Without a listener nothing is told and nothing loaded."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only names: an instance that was started for a push loads nothing of audits
    from taglock.domain.audit_report import AuditReport
    from taglock.domain.backlog import Backlog
    from taglock.domain.handled import Handled
    from taglock.domain.throttling import Throttling

type Attribute = str | int | Sequence[str]


class Span(Protocol):
    """Something that takes time; an exception that ends it is told by its class, never by its text."""

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes, over those of the same name."""

    def failed(self, error_type: str) -> None:
        """Mark it as failed; the type is one of few, such as a status code."""


class Signals(Protocol):
    """Where signals go. Nothing here ever raises: what cannot be told must not fail the work."""

    def invocation(self, trigger: str) -> AbstractContextManager[Span]:
        """Time one invocation; what is sent meanwhile belongs to it."""

    def request(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:
        """Time one request to somebody else."""

    def handled(self, handled: "Handled") -> None:
        """Count what was handled."""

    def audited(self, report: "AuditReport") -> None:
        """Tell what a finished audit found and how much it saw."""

    def waiting(self, backlog: "Backlog") -> None:
        """Tell how much work is unfinished."""

    def throttled(self, throttling: "Throttling") -> None:
        """Count a call that was throttled."""


class Silent:
    """Implements Signals and Span by telling nobody."""

    def invocation(self, _trigger: str) -> AbstractContextManager[Span]:
        """Time nothing."""
        return nullcontext(self)

    def request(self, _name: str, _attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:
        """Time nothing."""
        return nullcontext(self)

    def handled(self, _handled: "Handled") -> None:
        """Count nothing."""

    def audited(self, _report: "AuditReport") -> None:
        """Tell nothing."""

    def waiting(self, _backlog: "Backlog") -> None:
        """Tell nothing."""

    def throttled(self, _throttling: "Throttling") -> None:
        """Count nothing."""

    def tell(self, _attributes: Mapping[str, Attribute]) -> None:
        """Tell nothing."""

    def failed(self, _error_type: str) -> None:
        """Tell nothing."""


SILENT = Silent()
