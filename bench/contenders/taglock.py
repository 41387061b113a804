"""taglock as in production: settings, rules, identity, tokens, a ledger file, a log line for each event.

Two things differ. The governor's limits are raised, so that it runs and never holds: measured is the app, not the
registry's limit. No outbound topic is set, since the others publish nothing.
"""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import replace
from pathlib import Path

from bench.emulator import Emulator
from bench.pushes import Push
from handlers.image_deployed import image_deployed
from handlers.image_pushed import image_pushed
from taglock.adapters.acr_registry import AcrOptions, open_registry
from taglock.adapters.credential import open_credential
from taglock.domain.reference import LoginServer
from taglock.enforcement.context import Enforcement
from taglock.services import open_services

RULES = Path(__file__).resolve().parents[1] / "lock_rules.toml"
NEVER_REACHED_PER_MINUTE = 10_000_000


class Taglock:
    """Hands each event to the handler of the trigger."""

    def __init__(self, app: Enforcement) -> None:
        self._app = app

    async def lock(self, push: Push) -> None:
        """Handle the event of one push, the records in the ledger included."""
        await image_pushed(self._app, push.event)

    async def keep(self, push: Push) -> None:
        """Handle the event of one deployment, the records in the ledger included."""
        await image_deployed(self._app, push.event)


@asynccontextmanager
async def opened_taglock(emulator: Emulator, *, ledger: Path) -> AsyncIterator[Taglock]:
    """Open the app's services on the emulated registry."""
    services = open_services(
        {
            "TAGLOCK_REGISTRIES": emulator.started.environment["TAGLOCK_REGISTRIES"],
            "TAGLOCK_MODE": "enforce",
            "TAGLOCK_RULES": str(RULES),
            "TAGLOCK_LEDGER": str(ledger),
        }
    )
    options = AcrOptions(
        audience=services.settings.audience,
        reads_per_minute=NEVER_REACHED_PER_MINUTE,
        writes_per_minute=NEVER_REACHED_PER_MINUTE,
    )
    credential = open_credential(client_id=None)
    registry = open_registry(LoginServer(emulator.started.login_server), credential=credential, options=options)
    try:
        with _logging():
            yield Taglock(replace(services.enforcement, registries=lambda _login_server: registry))
    finally:
        await registry.aclose()
        await credential.close()
        await services.aclose()


@contextmanager
def _logging() -> Iterator[None]:
    """Format and write every line as the Functions worker does, to where nobody reads it."""
    logger = logging.getLogger("taglock")
    level, passed_on = logger.level, logger.propagate
    with Path(os.devnull).open("w") as nowhere:
        handler = logging.StreamHandler(nowhere)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = passed_on
