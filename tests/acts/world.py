"""A registry on loopback, the app's own ports against it, somebody who acts, and somebody who pulls."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from localcloud.registry.content import Manifest
from localcloud.registry.flags import Flags
from localcloud.tls import Authority
from taglock.adapters.ledger_limits import checked_changes
from taglock.domain.acts.act import Act, ActKind, Actor, ActorKind, ActTarget, Outcome, Place
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.marks import RepositoryMarks
from taglock.domain.acts.request import EndAsked, HoldAsked, QuarantineAsked
from taglock.domain.attributes import IMMUTABLE, UNDELETABLE, LockProfile
from taglock.domain.deployment import Coverage
from taglock.domain.deployment_ledger import coverage_row
from taglock.domain.ledger import DueWork, Finding, FindingKind, JournalEntry
from taglock.domain.reference import Digest, Repository, Tag
from taglock.domain.row import Change, Row, RowKey
from taglock.enforcement.acts.hold import end_hold, hold
from taglock.enforcement.acts.listing import show
from taglock.enforcement.acts.marking import marks_of
from taglock.enforcement.acts.quarantine import lift, preview_quarantine, quarantine
from taglock.enforcement.context import Limits
from taglock.errors import LedgerError
from taglock.ports import Registry, RowStore
from tests.pushing.world import REPOSITORY, World, world

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ANNA = Actor(kind=ActorKind.PRINCIPAL, id="11111111-1111-1111-1111-111111111111", name="Anna")
BERND = Actor(kind=ActorKind.PRINCIPAL, id="22222222-2222-2222-2222-222222222222", name="Bernd")
ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
CLOSED = Flags(delete=False, read=False)
"""Quarantined, and open otherwise."""


class Killed(BaseException):
    """The host ended the process here."""


@dataclass
class Rows:
    """The ledger, partition by partition as Azure Tables writes it; it fails, or the process dies, when told to."""

    inner: RowStore
    die_before_write: int | None = None
    """How many more partitions are written before the process dies."""
    down: bool = False
    writes: int = 0

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        self._expect_up()
        return await self.inner.read(keys)

    async def scan(self, partition: str, **range_: Any) -> Sequence[Row]:
        self._expect_up()
        return await self.inner.scan(partition, **range_)

    async def write(self, changes: Sequence[Change]) -> None:
        for of_partition in checked_changes(changes).values():
            self._expect_up()
            if self.die_before_write is not None:
                if self.die_before_write == 0:
                    raise Killed
                self.die_before_write -= 1
            self.writes += 1
            await self.inner.write(of_partition)

    def _expect_up(self) -> None:
        if self.down:
            raise LedgerError("the ledger is down")


@dataclass
class DyingRegistry:
    """A registry client; the process dies before, or just after, one of its requests."""

    inner: Registry
    left: int | None = None
    after: bool = False
    requests: int = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        async def call(*arguments: Any) -> Any:
            if self.left is not None and self.left == 0 and not self.after:
                raise Killed
            answer = await method(*arguments)
            self.requests += 1
            if self.left is not None:
                if self.left == 0:
                    raise Killed
                self.left -= 1
            return answer

        return call


@dataclass
class ActWorld:
    """A world of pushes in which people act. Nothing runs anywhere, and the ledger knows that it is so."""

    pushing: World
    rows: Rows
    stack: AsyncExitStack
    """What is closed after the test."""

    # -- a person ---------------------------------------------------------------------------------------------------

    def push(self, tag: str | None, manifest: Manifest, *, repository: str = REPOSITORY) -> str:
        return self.pushing.push(tag, manifest, repository=repository)

    def push_index(self, tag: str | None, root: Manifest, *children: Manifest) -> None:
        for child in children:
            self.push(None, child)
        self.push(tag, root)

    def place(self, tag: str = "", digest: str = "", *, repository: str = REPOSITORY) -> Place:
        return Place(
            registry=self.pushing.login_server,
            repository=Repository(repository),
            tag=Tag(tag) if tag else None,
            digest=Digest(digest) if digest else None,
        )

    def asked(self, tag: str = "", digest: str = "", **options: Any) -> QuarantineAsked:
        place = self.place(tag, digest, repository=options.pop("repository", REPOSITORY))
        return QuarantineAsked(**{"by": ANNA, "reason": "CVE-2026-1", "place": place, **options})

    async def quarantine(self, tag: str = "", digest: str = "", **options: Any) -> ActAnswer:
        return await quarantine(self.pushing.app, self.asked(tag, digest, **options))

    async def preview(self, tag: str = "", digest: str = "", **options: Any) -> ActAnswer:
        return await preview_quarantine(self.pushing.app, self.asked(tag, digest, **options))

    async def lift(self, act_id: str, *, by: Actor = BERND, force: bool = False) -> ActAnswer:
        return await lift(self.pushing.app, EndAsked(by=by, reason="false alarm", act=act_id, force=force))

    async def hold(self, tag: str = "", digest: str = "", **options: Any) -> ActAnswer:
        profile: LockProfile = options.pop("profile", IMMUTABLE)
        manifests: LockProfile = options.pop("manifest_profile", UNDELETABLE)
        place = self.place(tag, digest, repository=options.pop("repository", REPOSITORY))
        asked = HoldAsked(by=ANNA, reason="audit", place=place, profile=profile, manifest_profile=manifests)
        return await hold(self.pushing.app, asked)

    async def end_hold(self, act_id: str, *, force: bool = False) -> ActAnswer:
        return await end_hold(self.pushing.app, EndAsked(by=BERND, reason="over", act=act_id, force=force))

    async def shown(self, act_id: str, kind: ActKind = ActKind.QUARANTINE) -> ActAnswer:
        return await show(self.pushing.app, kind, act_id)

    # -- the registry, by hand --------------------------------------------------------------------------------------

    def set_tag(self, tag: str, *, repository: str = REPOSITORY, **flags: bool) -> None:
        self._set(f"_tags/{tag}", repository, flags)

    def set_manifest(self, manifest: Manifest, *, repository: str = REPOSITORY, **flags: bool) -> None:
        self._set(manifest.digest, repository, flags)

    def _set(self, name: str, repository: str, flags: dict[str, bool]) -> None:
        from localcloud.registry.flags import Change as FlagChange

        store = self.pushing.emulator.store
        change = FlagChange(flags=flags, quarantine={})
        if name.startswith("_tags/"):
            store.change_tag(repository, name.removeprefix("_tags/"), change)
        else:
            store.change_manifest(repository, name, change)

    async def pulls(self, reference: str, *, repository: str = REPOSITORY) -> bool:
        """Tell whether somebody who may pull everything gets a manifest by tag or digest, over HTTPS."""
        context = ssl.create_default_context()  # trusts SSL_CERT_FILE
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            token = await self._token(session, repository)
            url = f"https://{self.pushing.login_server}/v2/{repository}/manifests/{reference}"
            headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
            async with session.get(url, headers=headers) as answer:
                assert answer.status in (200, 404, 405), await answer.text()
                return answer.status == 200

    async def _token(self, session: aiohttp.ClientSession, repository: str) -> str:
        server = self.pushing.login_server
        entra = {"grant_type": "access_token", "service": server, "access_token": "entra-token"}
        async with session.post(f"https://{server}/oauth2/exchange", data=entra) as answer:
            refresh = (await answer.json())["refresh_token"]
        scope = f"repository:{repository}:pull"
        asked = {"grant_type": "refresh_token", "service": server, "scope": scope, "refresh_token": refresh}
        async with session.post(f"https://{server}/oauth2/token", data=asked) as answer:
            return str((await answer.json())["access_token"])

    # -- looking ----------------------------------------------------------------------------------------------------

    def flags(self, manifest: Manifest, *, repository: str = REPOSITORY) -> Flags:
        return self.pushing.flags(manifest, repository=repository)

    def tag_flags(self, tag: str, *, repository: str = REPOSITORY) -> Flags:
        return self.pushing.tag_flags(tag, repository=repository)

    async def marks(self, repository: str = REPOSITORY) -> RepositoryMarks:
        return await marks_of(self.pushing.app.rows, self.pushing.login_server, Repository(repository))

    async def due(self) -> list[DueWork]:
        return await self.pushing.due()

    async def findings(self) -> dict[FindingKind, Finding]:
        return {finding.kind: finding for finding in await self.pushing.findings()}

    async def journal(self) -> list[JournalEntry]:
        return await self.pushing.journal()

    def requests(self) -> dict[str, int]:
        """Return what was asked of the registry since the last `clear`, without tokens."""
        return {kind: count for kind, count in self.pushing.requests().items() if "POST" not in kind}

    def patched(self) -> list[str]:
        """Return the references that were updated, in order."""
        return [each.reference for each in self.pushing.emulator.traffic.remembered if each.method == "PATCH"]

    async def settle(self) -> None:
        await self.pushing.settle()

    def later(self, **span: float) -> datetime:
        self.pushing.clock.advance(timedelta(**span))
        return self.pushing.clock.now()

    # -- breaking ---------------------------------------------------------------------------------------------------

    def dying(self, left: int | None = None, *, after: bool = False) -> DyingRegistry:
        """Let the process die at the request with this number; None only counts."""
        dying = DyingRegistry(self.pushing.app.registries(self.pushing.login_server), left, after)
        self.pushing.app = replace(self.pushing.app, registries=lambda _server: dying)
        return dying

    def restarted(self) -> None:
        """Let everything work again, as in a new process over the same ledger."""
        registry = self.pushing.app.registries(self.pushing.login_server)
        inner = registry.inner if isinstance(registry, DyingRegistry) else registry
        self.pushing.app = replace(self.pushing.app, registries=lambda _server: inner)
        self.rows.die_before_write, self.rows.down = None, False


def outcomes(answer: ActAnswer) -> dict[str, Outcome]:
    """Return what became of each target, by tag or by the first digits of the digest."""
    return {short(target): target.outcome for target in answer.targets}


def short(target: ActTarget) -> str:
    return target.target.name.removeprefix("sha256:")[:12] if ":" in target.target.name else target.target.name


def act_of(answer: ActAnswer) -> Act:
    return answer.act


@asynccontextmanager
async def acting(authority: Authority, **options: Any) -> AsyncIterator[ActWorld]:
    """Serve a registry in which nothing runs, as a complete listing of the subscription has told."""
    limits: Limits = options.pop("limits", None) or Limits(event_seconds=5.0)
    async with AsyncExitStack() as stack, world(authority, limits=limits, **options) as made:
        rows = Rows(made.app.rows)
        made.app = replace(made.app, rows=rows, subscriptions=(SUBSCRIPTION,))
        covered = Coverage(subscription=SUBSCRIPTION, listed_at=made.clock.now(), workloads=0)
        await made.app.rows.write([coverage_row(covered)])
        yield ActWorld(pushing=made, rows=rows, stack=stack)
