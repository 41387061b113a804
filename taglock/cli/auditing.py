"""What the commands that audit share: which registries, the progress, one audit from begin to end."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from taglock.domain.audit.rows import AuditRun
from taglock.domain.audit_report import AuditReport
from taglock.domain.reference import LoginServer, login_server
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.going_on import begin_audit, go_on
from taglock.errors import InvalidRequest, LedgerConflict


def add_registry_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a registry."""
    parser.add_argument("--registry", metavar="NAME", help="only this one (default: all of TAGLOCK_REGISTRIES)")


def chosen(known: Sequence[LoginServer], wanted: str | None) -> Sequence[LoginServer]:
    """Return the registries to audit; raise InvalidRequest for one that is not on the allow-list."""
    if wanted is None:
        return sorted(set(known))
    registry = login_server(wanted, "--registry")
    if registry not in known:
        raise InvalidRequest.at("--registry", wanted, "one of TAGLOCK_REGISTRIES")
    return [registry]


async def audited(auditing: Auditing, registry: LoginServer) -> AuditReport:
    """Audit one registry from begin to end; raise LedgerConflict when another process is at it."""
    begun = await begin_audit(auditing, registry)
    message = begun.message
    with progress_bar(registry) as tell:
        while message is not None:
            went = await go_on(auditing, message, tell)
            if went.report is not None:
                return went.report
            message = went.message
    raise LedgerConflict(f"{registry}: audit {begun.audit_id} is under way elsewhere, expected none")


@contextmanager
def progress_bar(registry: LoginServer) -> Iterator[Callable[[AuditRun], None]]:
    """Show on a terminal how far an audit has come; nothing where standard error is none."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # ships no types

    with tqdm(desc=registry, unit=" tags", file=sys.stderr, disable=None, leave=False) as bar:

        def tell(run: AuditRun) -> None:
            bar.set_postfix_str(
                f"{run.coverage.repositories.seen} repositories, {run.coverage.manifests.seen} manifests, {run.phase}"
            )
            bar.update(run.coverage.tags.seen - bar.n)

        yield tell
