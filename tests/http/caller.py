"""Callers of the local app: with the key of each function, or signed in with roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from localcloud.cloud import LocalCloud
from localcloud.registry.content import Manifest
from localcloud.registry.events import Origin
from localcloud.registry.principal import Principal
from taglock.domain.http.operations import OPERATIONS
from taglock.domain.http.principal import Role

AUDIENCE = "api://taglock-local"
ORIGIN = Origin(request_id="request", host="", method="PUT", user_agent="docker/27")
REPOSITORY = "prod/api"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    content_type: str
    text: bytes
    headers: Mapping[str, str]
    json: Any


class Caller:
    """Calls the app of a running local cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        assert cloud.functions is not None
        self.cloud = cloud
        self.functions = cloud.functions
        self.endpoint = cloud.functions.endpoint
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | TracebackType | BaseException | None) -> None:
        await self._session.close()

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """Send a request as it is; `options` are those of aiohttp."""
        async with self._session.request(method, f"{self.endpoint}/api/{path}", **options) as answer:
            text = await answer.read()
            content_type = answer.headers.get("Content-Type", "")
            tree = await answer.json(content_type=None) if "json" in content_type and text else None
            return Reply(
                status=answer.status, content_type=content_type, text=text, headers=dict(answer.headers), json=tree
            )

    def push(self, tag: str | None, manifest: Manifest) -> None:
        """Push a manifest into the repository of these tests."""
        self.cloud.registry.options.missing_content = "allowed"
        self.cloud.registry.store.push(REPOSITORY, tag, manifest, ORIGIN)

    def image(self, reference: str) -> str:
        """Return `:TAG` or `@DIGEST` as an image of the local registry."""
        return f"{self.cloud.registry.login_server}/{REPOSITORY}{reference}"

    @property
    def log(self) -> str:
        """What the host and the app have written."""
        return (self.cloud._folder / "functions.log").read_text(errors="replace")


class Keyed(Caller):
    """A caller who holds the key of each function."""

    async def call(self, name: str, *, route: Mapping[str, str] | None = None, **options: Any) -> Reply:
        """Call a function by its name with its own key."""
        operation = next(each for each in OPERATIONS if each.name == name)
        headers = {"x-functions-key": self.functions.keys.functions[name], **options.pop("headers", {})}
        return await self.send(
            operation.method, operation.path.format_map(dict(route or {})), headers=headers, **options
        )


class Callers(Caller):
    """Callers who sign in, each with the roles that a test gives."""

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(cloud)
        self._known: dict[tuple[str, frozenset[str]], str] = {}

    def token(self, person: str, *roles: Role) -> str:
        """Return a token of a person with roles; the same person has the same object id."""
        key = (person, frozenset(roles))
        if key not in self._known:
            self._known[key] = self.cloud.identity.add(Principal(name=person), app_roles=frozenset(roles))
        return self.cloud.identity.token(AUDIENCE, self._known[key])

    async def call(
        self, name: str, *roles: Role, person: str = "ada", route: Mapping[str, str] | None = None, **options: Any
    ) -> Reply:
        """Call a function by its name as a person with roles."""
        operation = next(each for each in OPERATIONS if each.name == name)
        headers = {"Authorization": f"Bearer {self.token(person, *roles)}", **options.pop("headers", {})}
        return await self.send(
            operation.method, operation.path.format_map(dict(route or {})), headers=headers, **options
        )
