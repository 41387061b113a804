"""Every way in which the app asks a registry for something, run once each on the local registry."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from dataclasses import dataclass
from datetime import timedelta

from localcloud.registry.content import Manifest
from localcloud.registry.flags import OPEN, Flags
from localcloud.registry.principal import Principal
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry as Emulator
from localcloud.tls import Authority
from localcloud.traffic import SeenRequest
from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.audit_report import AuditReport
from taglock.domain.rule import Mode
from taglock.enforcement.audit.context import Auditing, AuditLimits
from taglock.enforcement.audit.going_on import begin_audit, go_on
from tests.deploying.world import APP, BATCH, RULES, SITE, Deployed, container_app, container_group, deployed_world
from tests.infra.rights import right_of
from tests.pushing.images import index, plain, referrer
from tests.pushing.world import opened_registry

FULL = """
[[rule]]
name = "frozen"
repositories = ["frozen/**"]
tags = { semver = ">=1.0.0" }
manifest_profile = "immutable"

[[rule]]
name = "the-repository-itself"
scope = "repository"
repositories = ["prod/**"]
profile = "undeletable"
"""
REFERRERS = """
version = 1
[[rule]]
name = "signed"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }
referrers = true
"""
WEEK = timedelta(days=7)


@dataclass
class Flows:
    """The app, a registry and a Resource Manager; each method is one way of the app."""

    local: Deployed

    async def pushes(self) -> None:
        """Every shape of a push: image, index, index of indexes, full lock, floating tag, no tag."""
        children = [plain(f"child {number}") for number in range(3)]
        inner = index(*children, name="inner")
        await self._push("1.0.0", plain("image"))
        await self._push("1.1.0", inner, *children)
        await self._push("1.2.0", index(inner, name="outer"))
        await self._push("latest", plain("floating"))
        await self._push(None, plain("no tag"))
        event = self.local.pushing.push("1.0.0", plain("frozen"), repository="frozen/api")
        await self.local.pushing.deliver(event)

    async def unfinished_work(self) -> None:
        """A push whose child comes late, resumed by the timer."""
        early, late = plain("early"), plain("late")
        await self._push("2.0.0", index(early, late, name="imported"), early)
        self.local.push(None, late)
        await self.local.pushing.settle()

    async def report_mode(self) -> None:
        """The same pushes where the app only tells."""
        self.local.pushing.app = replace(self.local.pushing.app, mode=Mode.REPORT)
        await self._push(
            "3.0.0", index(plain("told"), plain("told too"), name="told"), plain("told"), plain("told too")
        )
        self.local.pushing.app = replace(self.local.pushing.app, mode=Mode.ENFORCE)

    async def deployments(self) -> None:
        """What pipelines tell and what Resource Manager knows, by digest and by tag."""
        digest = self.local.push("build-1", plain("by digest"))
        self.local.push("build-2", plain("by tag"))
        await self.local.deployed(self.local.reference(digest=digest))
        await self.local.deployed(self.local.reference("build-2"), workload="other")
        by_tag = self.local.reference("build-2")
        await self.local.deliver(await self.local.put(APP, container_app(by_tag)))
        await self.local.deliver(await self.local.put(BATCH, container_group(by_tag)))
        site = {"kind": "app,linux,container", "properties": {"siteConfig": {"linuxFxVersion": f"DOCKER|{by_tag}"}}}
        await self.local.deliver(await self.local.put(SITE, site))

    async def audits(self, *, repair: bool) -> AuditReport:
        """An audit a week later, of a registry in which somebody has taken locks away."""
        store = self.local.pushing.emulator.store
        store.tag("prod/api", "1.0.0").flags = OPEN
        store.tag("prod/api", "1.1.0").flags = Flags(list=False)
        self.local.later(days=WEEK.days)
        registry = self.local.pushing.app.registries(self.local.pushing.login_server)
        assert isinstance(registry, AcrRegistry)
        auditing = Auditing(
            app=self.local.pushing.app,
            listings=lambda _login_server: registry.listing(),
            background=lambda _login_server: registry.background(),
            limits=AuditLimits(checkpoint_seconds=0.0),
            repair=repair,
        )
        message = (await begin_audit(auditing, self.local.pushing.login_server)).message
        while message is not None:
            went = await go_on(auditing, message)
            if went.report is not None:
                return went.report
            message = went.message
        raise AssertionError("the audit was dropped")

    async def signatures(self) -> None:
        """A signed release, and a signature that comes later by itself."""
        image = plain("signed")
        self.local.push(None, referrer("signature", subject=image))
        await self._push("4.0.0", image)
        await self._push(None, referrer("later", subject=image))

    async def unnamed_children(self) -> None:
        """An index whose children the registry does not name: its content is read."""
        self.local.pushing.emulator.options.index_references = "absent"
        child = plain("unnamed")
        await self._push("5.0.0", index(child, name="unnamed"), child)

    async def _push(self, tag: str | None, manifest: Manifest, *children: Manifest) -> None:
        for child in children:
            self.local.push(None, child)
        await self.local.pushing.deliver(self.local.pushing.push(tag, manifest))

    @property
    def seen(self) -> Sequence[SeenRequest]:
        return self.local.pushing.emulator.traffic.remembered

    @property
    def needed(self) -> Mapping[str, set[str]]:
        """The rights that the registry wanted for what it was asked, each with the kinds of requests."""
        rights: dict[str, set[str]] = {}
        for request in self.seen:
            if request.required:
                rights.setdefault(right_of(request.required), set()).add(request.kind)
        return rights


@asynccontextmanager
async def flows(authority: Authority, *, actions: frozenset[str], rules: str = RULES + FULL) -> AsyncIterator[Flows]:
    """Serve a registry in which the app has these actions only, and a Resource Manager that lets it read."""
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(deployed_world(authority, rules=rules))
        emulator = Emulator(
            login_server="",
            now=local.pushing.clock.now,
            authenticate=lambda _token: Principal(name="app", actions=actions),
            on_event=local.pushing.note,
        )
        emulator.options.missing_content = "allowed"
        await stack.enter_async_context(serving(emulator, authority=authority))
        registry = await stack.enter_async_context(opened_registry(emulator.login_server))
        local.pushing.emulator = emulator
        local.pushing.app = replace(
            local.pushing.app,
            known_registries={"local": local.pushing.login_server},
            registries=lambda _login_server: registry,
            default_registry=local.pushing.login_server,
        )
        yield Flows(local)
