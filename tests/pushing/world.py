"""A registry on loopback, the app's own ports against it, and a person who pushes."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from azure.core.credentials import AccessToken

from handlers.due_work import due_work
from handlers.image_pushed import image_pushed
from localcloud.clock import Clock
from localcloud.registry.content import Manifest
from localcloud.registry.events import Origin, RegistryEvent
from localcloud.registry.flags import Flags
from localcloud.registry.principal import ALL_ACTIONS, Principal
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry as Emulator
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrOptions, open_registry
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.handled import Handled
from taglock.domain.ledger import (
    DueWork,
    Finding,
    JournalEntry,
    Release,
    Stored,
    due_partition,
    image_partition,
    restored,
)
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import Mode, RuleSet
from taglock.enforcement.context import Enforcement, Limits
from taglock.ports import Registry
from taglock.rule_file import parse_rules

REPOSITORY = "prod/api"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin(request_id="request", host="", method="PUT", user_agent="docker/27")
RULES = """
version = 1
[[rule]]
name = "releases"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }
"""
LOCKED_TAG = Flags(delete=False, write=False)
UNDELETABLE = Flags(delete=False)
OPEN = Flags()


class StaticCredential:
    """An identity that always has a token; azure-identity itself is tested with the whole cloud."""

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("entra-token", 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "StaticCredential":
        return self

    async def __aexit__(self, *_error: object) -> None: ...


@dataclass
class Topic:
    """An outbound topic that remembers, or refuses."""

    events: list[OutboundEvent] = field(default_factory=list)
    error: Exception | None = None

    async def publish(self, events: Iterable[OutboundEvent]) -> None:
        if self.error is not None:
            raise self.error
        self.events += events

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@dataclass
class World:
    """One registry, one app, one clock."""

    emulator: Emulator
    app: Enforcement
    clock: Clock
    topic: Topic
    pushed: list[str] = field(default_factory=list)

    # -- a person ---------------------------------------------------------------------------------------------------

    def push(self, tag: str | None, manifest: Manifest, *, repository: str = REPOSITORY) -> str:
        """Push a manifest (its children must be there) and return the event that Event Grid would deliver."""
        self.emulator.store.push(repository, tag, manifest, ORIGIN)
        return self.pushed[-1]

    def note(self, event: RegistryEvent) -> None:
        self.pushed.append(event_text(event, self.emulator.login_server))

    # -- the app ----------------------------------------------------------------------------------------------------

    async def deliver(self, event: str) -> Handled:
        return await image_pushed(self.app, event)

    async def tick(self, *, after: timedelta = timedelta(0)) -> list[Handled]:
        """Let time pass and the due-work timer fire once."""
        self.clock.advance(after)
        return list(await due_work(self.app))

    async def settle(self, *, ticks: int = 300) -> None:
        """Let the timer fire once a minute until no work is due any more."""
        for _ in range(ticks):
            if not await self.due():
                return
            await self.tick(after=timedelta(minutes=1))
        raise AssertionError(f"work is still due: {await self.due()}")

    def with_rules(self, text: str) -> None:
        self.app = replace(self.app, rules=rules_of(text))

    # -- looking ----------------------------------------------------------------------------------------------------

    def tag_flags(self, tag: str, *, repository: str = REPOSITORY) -> Flags:
        return self.emulator.store.tag(repository, tag).flags

    def flags(self, manifest: Manifest, *, repository: str = REPOSITORY) -> Flags:
        return self.emulator.store.manifest(repository, manifest.digest).flags

    async def due(self) -> list[DueWork]:
        rows = await self.app.rows.scan(due_partition(self.login_server))
        return [restored(DueWork, row.body) for row in rows]

    async def releases(self, *, repository: str = REPOSITORY) -> dict[str, Release]:
        partition = image_partition(self.login_server, Repository(repository))
        rows = await self.app.rows.scan(partition, start="release/", end="release0")
        return {str(release.tag): release for release in (restored(Release, row.body) for row in rows)}

    async def findings(self) -> list[Finding]:
        found = await self._rows(Finding, f"finding/{self.login_server}")
        return [finding for finding in found if finding.closed_at is None]

    async def journal(self) -> list[JournalEntry]:
        return await self._rows(JournalEntry, f"journal/{self.login_server}/{self.clock.now():%Y-%m-%d}")

    async def _rows[T: Stored](self, kind: type[T], partition: str) -> list[T]:
        return [restored(kind, row.body) for row in await self.app.rows.scan(partition)]

    @property
    def login_server(self) -> LoginServer:
        return LoginServer(self.emulator.login_server)

    def requests(self) -> dict[str, int]:
        """What the app asked of the registry since the last `clear`, token requests included."""
        return dict(self.emulator.traffic.counts())

    def clear(self) -> None:
        self.emulator.traffic.clear()


def rules_of(text: str) -> "Rules":
    return Rules(parse_rules(text))


@dataclass(frozen=True)
class Rules:
    """Rules that never change."""

    rules: RuleSet

    def __call__(self) -> RuleSet:
        return self.rules


def event_text(event: RegistryEvent, login_server: str, **changes: object) -> str:
    """Return the event as Event Grid delivers it (shape: the recorded samples)."""
    target = {
        "mediaType": event.media_type,
        "size": event.size,
        "digest": event.digest,
        "length": event.size,
        "repository": event.repository,
        "tag": event.tag,
    }
    moment = event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    event_id = str(uuid4())
    envelope: dict[str, object] = {
        "id": event_id,
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/local",
        "subject": f"{event.repository}:{event.tag}",
        "eventType": "Microsoft.ContainerRegistry.ImagePushed",
        "eventTime": moment,
        "data": {
            "id": event_id,
            "timestamp": moment,
            "action": "push",
            "location": "westeurope",
            "target": {name: value for name, value in target.items() if value is not None},
            "request": {"id": event.request_id, "host": login_server, "method": "PUT", "useragent": "docker/27"},
        },
        "dataVersion": "2.0",
        "metadataVersion": "1",
    }
    return json.dumps(envelope | changes)


@asynccontextmanager
async def world(
    authority: Authority, *, rules: str = RULES, limits: Limits | None = None, share: float = 1.0
) -> AsyncIterator[World]:
    """Serve a registry and open the app's ports on it."""
    clock = Clock(pace=0, start=START)
    async with AsyncExitStack() as stack:
        emulator = Emulator(
            login_server="",
            now=clock.now,
            authenticate=lambda _token: Principal(name="app", actions=ALL_ACTIONS),
            on_event=lambda event: made.note(event),
        )
        emulator.options.missing_content = "allowed"
        await stack.enter_async_context(serving(emulator, authority=authority))
        registry = await stack.enter_async_context(opened_registry(emulator.login_server, share=share))
        rows = open_sqlite(":memory:")
        stack.push_async_callback(rows.aclose)
        topic = Topic()
        app = Enforcement(
            known_registries={"local": LoginServer(emulator.login_server)},
            registries=lambda _login_server: registry,
            rules=rules_of(rules),
            rows=rows,
            publisher=topic,
            clock=clock,
            mode=Mode.ENFORCE,
            limits=limits or Limits(),
        )
        made = World(emulator=emulator, app=app, clock=clock, topic=topic)
        yield made


@asynccontextmanager
async def opened_registry(
    login_server: str, *, request_timeout_seconds: float = 5.0, share: float = 1.0
) -> AsyncIterator[Registry]:
    options = AcrOptions(
        audience="https://containerregistry.azure.net", request_timeout_seconds=request_timeout_seconds, share=share
    )
    registry = open_registry(LoginServer(login_server), credential=StaticCredential(), options=options)
    try:
        yield registry
    finally:
        await registry.aclose()
