"""`python -m demo.later_audit MINUTES`: audit the registry as it would be done so many minutes from now.

An audit does not judge a lock that is younger than `TAGLOCK_AUDIT_GRACE`; a demonstration has no time to wait for that.
All else is as in `python -m taglock audit`: the settings of the environment, and the report as JSON on standard output.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from taglock.cli.auditing import audited
from taglock.domain.audit_report import AuditReport
from taglock.reporting.json_text import json_text
from taglock.services import APP_FOLDER, Services
from taglock.settings import read_settings


class LaterClock:
    """Implements the app's clock with a time that lies ahead."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """Return the time that it will be."""
        return datetime.now(UTC) + self._ahead


async def audit(ahead: timedelta) -> AuditReport:
    """Audit the one registry that the environment names."""
    services = Services(read_settings(os.environ, folder=APP_FOLDER), clock=LaterClock(ahead))
    try:
        (registry,) = services.settings.registries.values()
        return await audited(services.auditing, registry)
    finally:
        await services.aclose()


if __name__ == "__main__":
    sys.stdout.buffer.write(json_text(asyncio.run(audit(timedelta(minutes=int(sys.argv[1]))))))
