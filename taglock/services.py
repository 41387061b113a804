"""The composition root: settings become the ports that the handlers work with. Nothing here talks yet."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from copy import replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.domain.arm_resource import ArmWorkload, ResourceId
from taglock.domain.http.access import Access
from taglock.domain.reference import LoginServer
from taglock.enforcement.context import ActPolicy, Enforcement, Limits
from taglock.errors import InvalidConfiguration
from taglock.ports import Arm, Clock, Publisher, RowStore
from taglock.settings import AuditRepair, Settings, Telemetry, Tier, read_settings
from taglock.signals import SILENT, Signals

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from taglock.adapters.acr_registry import AcrRegistry
    from taglock.adapters.arm_surroundings import ArmSurroundings
    from taglock.enforcement.audit.context import Auditing
    from taglock.enforcement.doctor.context import Doctoring

APP_FOLDER = Path(__file__).resolve().parent.parent


class SystemClock:
    """Implements ports.Clock with the machine's time."""

    def now(self) -> datetime:
        """Return the present as an aware UTC time."""
        return datetime.now(UTC)


class LazyArm:
    """Implements ports.Arm; Azure Resource Manager's reader is loaded when the first resource has to be read."""

    def __init__(self, opening: Callable[[], Arm]) -> None:
        self._opened = cache(opening)

    async def workload(self, resource: ResourceId) -> ArmWorkload | None:
        """Read what a resource runs, None when it is gone."""
        return await self._opened().workload(resource)

    def workloads(self, subscription: str) -> AsyncIterator[ArmWorkload]:
        """Read every resource of a subscription that may run images."""
        return self._opened().workloads(subscription)


class Services:
    """The ports, opened when they are first needed and closed together; use it within one event loop."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, limits: Limits | None = None) -> None:
        from taglock.adapters.rule_source import RuleFile
        from taglock.rule_file import read_rules

        self.settings = settings
        self._signals = _open_signals(settings.telemetry)
        self._opened = AsyncExitStack()
        self._registries: dict[LoginServer, AcrRegistry] = {}
        self._identity: AsyncTokenCredential | None = None
        self.enforcement = Enforcement(
            known_registries=settings.registries,
            registries=self.registry,
            rules=RuleFile(settings.rules, read_rules),
            rows=self._rows(),
            publisher=self._publisher(),
            clock=clock or SystemClock(),
            mode=settings.mode,
            limits=limits or Limits(closure=settings.max_closure),
            acts=ActPolicy(
                two_person_lift=settings.two_person_lift,
                longest_grant=settings.max_grant,
                bulk=settings.max_actions,
            ),
            arm=LazyArm(self._open_arm),
            subscriptions=settings.subscriptions,
            default_registry=settings.default_registry,
            signals=self._signals,
        )

    @property
    def access(self) -> Access:
        """How callers of the HTTP triggers are known."""
        return Access(auth=self.settings.http_auth, platform=self.settings.platform_auth)

    @cached_property
    def auditing(self) -> "Auditing":
        """The ports of audits; what only they use is loaded now."""
        from taglock.enforcement.audit.context import Auditing

        return Auditing(
            app=self.enforcement,
            listings=lambda login_server: self.registry(login_server).listing(),
            background=lambda login_server: self.registry(login_server).background(),
            repair=self.settings.audit_repair is AuditRepair.LOCKS,
            grace=self.settings.audit_grace,
            max_actions=self.settings.max_actions,
        )

    @cached_property
    def doctoring(self) -> "Doctoring":
        """The ports of the doctor; what only it uses is loaded now."""
        from taglock.adapters.topic_connection import reach
        from taglock.domain.doctor_app import HttpAuthorisation
        from taglock.enforcement.doctor.context import Doctoring

        settings = self.settings
        return Doctoring(
            app=self.enforcement,
            grants=self.registry,
            listings=lambda login_server: self.registry(login_server).listing(),
            surroundings=self._open_surroundings(),
            reach_topic=reach,
            rules_changed_at=lambda: _changed_at(settings.rules),
            ledger=settings.ledger,
            topic=settings.topic_endpoint,
            audit_schedule=settings.audit_schedule,
            registry_tier=settings.registry_tier,
            http=HttpAuthorisation(wanted=settings.http_auth, platform=settings.platform_auth),
        )

    def registry(self, login_server: LoginServer) -> "AcrRegistry":
        """Return a registry of the allow-list, opened once; raise InvalidConfiguration for any other host."""
        from taglock.adapters.acr_registry import AcrOptions, open_registry

        if login_server not in self.settings.registries.values():
            raise InvalidConfiguration.at("TAGLOCK_REGISTRIES", login_server, "a registry of the allow-list")
        if login_server not in self._registries:
            options = AcrOptions(
                audience=self.settings.audience, share=self.settings.registry_share, signals=self._signals
            )
            if self.settings.registry_tier is Tier.PREMIUM:
                options = replace(  # https://aka.ms/acr/skus; the adapter's own numbers are those of Standard
                    options,
                    reads_per_minute=10_000,
                    writes_per_minute=2_000,
                    referrers_per_minute=1_000,
                    tokens_per_minute=20_000,
                )
            opened = open_registry(login_server, credential=self._credential(), options=options)
            self._opened.push_async_callback(opened.aclose)
            self._registries[login_server] = opened
        return self._registries[login_server]

    def _open_arm(self) -> Arm:
        from taglock.adapters.arm_reader import open_arm

        opened = open_arm(self.settings.arm_endpoint, credential=self._credential())
        self._opened.push_async_callback(opened.aclose)
        return opened

    def _open_surroundings(self) -> "ArmSurroundings":
        from taglock.adapters.arm_surroundings import open_surroundings

        opened = open_surroundings(self.settings.arm_endpoint, credential=self._credential())
        self._opened.push_async_callback(opened.aclose)
        return opened

    async def aclose(self) -> None:
        """Close everything that was opened."""
        await self._opened.aclose()

    def _credential(self) -> "AsyncTokenCredential":
        from taglock.adapters.credential import open_credential

        if self._identity is None:
            self._identity = open_credential(client_id=self.settings.client_id)
            self._opened.push_async_callback(self._identity.close)
        return self._identity

    def _rows(self) -> RowStore:
        from taglock.adapters.ledger_sqlite import open_sqlite

        if self.settings.ledger.startswith("http"):
            return self._tables()
        rows = open_sqlite(self.settings.ledger)
        self._opened.push_async_callback(rows.aclose)
        return rows

    def _tables(self) -> RowStore:
        from taglock.adapters.ledger_tables import open_tables

        tables = open_tables(self.settings.ledger, credential=self._credential())
        self._opened.push_async_callback(tables.aclose)
        return tables

    def _publisher(self) -> Publisher | None:
        if self.settings.topic_endpoint is None:
            return None
        from taglock.adapters.event_publisher import open_publisher

        publisher = open_publisher(self.settings.topic_endpoint, credential=self._credential())
        self._opened.push_async_callback(publisher.aclose)
        return publisher


def _open_signals(telemetry: Telemetry) -> Signals:
    if telemetry is Telemetry.OFF:
        return SILENT
    from taglock.adapters.otel_signals import open_signals

    return open_signals()


def open_services(environment: Mapping[str, str], *, folder: Path = APP_FOLDER) -> Services:
    """Open the services for an environment; raises InvalidConfiguration with every problem of the settings."""
    return Services(read_settings(environment, folder=folder))


def _changed_at(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None


@cache
def worker_services() -> Services:
    """Return the services of this Functions worker: built at the first invocation, for the life of the process."""
    return open_services(os.environ)


def enforcement() -> Enforcement:
    """Return the ports of this Functions worker."""
    return worker_services().enforcement


def access() -> Access:
    """Return how callers of this Functions worker's HTTP triggers are known."""
    return worker_services().access


def auditing() -> "Auditing":
    """Return the ports of this Functions worker with which it audits."""
    return worker_services().auditing


def doctoring() -> "Doctoring":
    """Return the ports of this Functions worker with which the doctor examines it; raises InvalidConfiguration."""
    return worker_services().doctoring
