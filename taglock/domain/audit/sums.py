"""Add up what was found in single repositories, bounded: an audit's state fits one row of the ledger."""

from collections.abc import Mapping, Sequence

from taglock.domain.audit.rows import Planned, PlannedImage
from taglock.domain.audit_report import Coverage, PlannedCount

MAXIMUM_REMARKS = 20
MAXIMUM_UNREAD = 100
MAXIMUM_SAMPLES = 500


def added(total: Coverage, one: Coverage, *, repository: str) -> Coverage:
    """Return a coverage with another repository's added to it."""
    remarks = (*total.remarks, *(f"{repository}: {remark}" for remark in one.remarks))
    return Coverage(
        repositories=total.repositories + one.repositories,
        tags=total.tags + one.tags,
        manifests=total.manifests + one.manifests,
        indexes_read=total.indexes_read + one.indexes_read,
        indexes_remembered=total.indexes_remembered + one.indexes_remembered,
        protected=total.protected + one.protected,
        releases=total.releases + one.releases,
        pending=total.pending + one.pending,
        remarks=remarks[:MAXIMUM_REMARKS],
        unread=(*total.unread, *one.unread)[:MAXIMUM_UNREAD],
        unread_total=total.unread_total + one.unread_total,
    )


def counted(total: Mapping[str, PlannedCount], planned: Sequence[Planned]) -> Mapping[str, PlannedCount]:
    """Return the counts by rule with another repository's planned actions added."""
    counts = dict(total)
    for action in planned:
        one = PlannedCount(images=isinstance(action, PlannedImage), targets=action.targets)
        counts[action.rule] = counts.get(action.rule, PlannedCount()) + one
    return counts
