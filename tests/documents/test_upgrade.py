"""docs/upgrade.md tells truly what an older app does with a ledger that a newer one wrote."""

import re

import pytest

from localcloud.tls import Authority
from taglock.domain.audit_report import AuditVerdict
from taglock.domain.ledger import FORMAT, image_partition
from taglock.domain.reference import Repository
from taglock.domain.row import Upsert
from tests.auditing.audit_world import Audits, audits
from tests.documents.pages import page
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, REPOSITORY, UNDELETABLE

pytestmark = pytest.mark.usefixtures("trusted")
IMAGE = plain(f"{REPOSITORY}:1.0.0")


async def written_by_a_newer_version(made: Audits) -> int:
    """Turn every row of the repository into one of the next format; return how many these are."""
    partition = image_partition(made.local.login_server, Repository(REPOSITORY))
    rows = await made.local.app.rows.scan(partition)
    newer = f'"format":{FORMAT + 1}'.encode()
    changed = [Upsert(row.key, row.body.replace(f'"format":{FORMAT}'.encode(), newer)) for row in rows]
    await made.local.app.rows.write(changed)
    return len(changed)


def test_the_document_names_the_format_of_the_code() -> None:
    assert re.search(r"`FORMAT` in `taglock/domain/ledger\.py`, now (\d+)", page("docs/upgrade.md"))[1] == str(FORMAT)  # type: ignore[index]  # a missing sentence fails here


async def test_an_older_app_locks_again_what_a_newer_one_recorded_and_says_why(authority: Authority) -> None:
    async with audits(authority) as made:
        event = made.local.push("1.0.0", IMAGE)
        await made.local.deliver(event)
        await written_by_a_newer_version(made)
        made.local.clear()
        handled = await made.local.deliver(event)
        assert (handled.outcome, sum(made.local.requests().values())) == ("locked", 2)
        assert any(f"format {FORMAT + 1}" in problem for problem in handled.problems)
        assert (made.local.tag_flags("1.0.0"), made.local.flags(IMAGE)) == (LOCKED_TAG, UNDELETABLE)
        assert set(await made.local.releases()) == {"1.0.0"}  # readable again


async def test_an_audit_of_an_older_app_names_every_newer_row(authority: Authority) -> None:
    async with audits(authority) as made:
        await made.released("1.0.0")
        rows = await written_by_a_newer_version(made)
        report = await made.audit()
        assert report.verdict is AuditVerdict.INCOMPLETE
        assert len(report.coverage.unread) == rows == 2
