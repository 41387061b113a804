"""What came of one repository."""

import msgspec

from taglock.domain.audit.scene import Judged, Scene
from taglock.domain.audit_report import Count, Coverage, Unread


class AuditedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one repository."""

    judged: Judged
    coverage: Coverage


def unread_repository(scene: Scene, reason: str) -> AuditedResult:
    """Return the result of a repository that could not be read: nothing is said about it."""
    unread = Unread(subject=f"{scene.registry}/{scene.repository}", reason=reason)
    coverage = Coverage(repositories=Count(expected=1), unread=(unread,), unread_total=1)
    return AuditedResult(judged=Judged(), coverage=coverage)
