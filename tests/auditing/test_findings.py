"""What an audit finds, one difference at a time, against the emulated registry over real sockets."""

from taglock.domain.audit_report import AuditVerdict
from tests.auditing.audit_world import Audits, kinds, only
from tests.pushing.images import index, plain


async def test_a_registry_whose_releases_are_locked_is_clean(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert report.findings == ()
    assert (report.coverage.tags.listed, report.coverage.manifests.listed) == (2, 2)
    assert (report.coverage.releases, report.coverage.protected) == (2, 2)
