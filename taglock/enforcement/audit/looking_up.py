"""Ask for single tags and manifests by name: what no listing showed, or what a listing does not tell."""

from collections.abc import Awaitable, Callable

from taglock.domain.audit_report import Unread
from taglock.domain.listing import NUMBERS, SETS, ListedManifest, ListedTag
from taglock.domain.reference import (
    Digest,
    LoginServer,
    Repository,
    Tag,
    manifest_target,
    repository_target,
    tag_target,
)
from taglock.domain.state import ManifestState, RepositoryState
from taglock.enforcement.audit.asking import Asker
from taglock.errors import NotFound, RegistryError
from taglock.ports import Registry


class Missing:
    """The registry says that it is not there."""


class Unknown:
    """The registry did not tell; it has been noted as unread."""


MISSING = Missing()
UNKNOWN = Unknown()


class LookUps:
    """Look-ups in one repository; what cannot be read is noted, never guessed."""

    def __init__(self, registry: Registry, login_server: LoginServer, repository: Repository, asker: Asker) -> None:
        self._registry = registry
        self._login_server = login_server
        self._repository = repository
        self.asker = asker
        self.unread: list[Unread] = []

    async def tag(self, name: Tag) -> ListedTag | Missing | Unknown:
        """Read a tag as a listing would have shown it."""
        target = str(tag_target(self._login_server, self._repository, name))
        state = await self._asked(target, lambda: self._registry.tag(self._repository, name))
        if isinstance(state, Missing | Unknown):
            return state
        return ListedTag(name, state.digest, SETS[NUMBERS[state.off]], state.updated_at)

    async def state(self, digest: Digest) -> ManifestState | Missing | Unknown:
        """Read a manifest's attributes with the children that they name."""
        target = str(manifest_target(self._login_server, self._repository, digest))
        return await self._asked(target, lambda: self._registry.manifest(self._repository, digest))

    async def own(self) -> RepositoryState | Missing | Unknown:
        """Read the repository's own attributes."""
        target = str(repository_target(self._login_server, self._repository))
        return await self._asked(target, lambda: self._registry.repository(self._repository))

    async def content_children(self, digest: Digest) -> tuple[Digest, ...]:
        """Read the children of an index from its content; raises RegistryError."""
        content = await self.asker.ask(lambda: self._registry.content(self._repository, digest))
        return tuple(reference.digest for reference in content.references)

    async def _asked[T](self, target: str, call: Callable[[], Awaitable[T]]) -> T | Missing | Unknown:
        try:
            return await self.asker.ask(call)
        except NotFound:
            return MISSING
        except RegistryError as error:
            self.unread.append(Unread(subject=target, reason=str(error)))
            return UNKNOWN


def listed(state: ManifestState) -> ListedManifest:
    """Return a manifest's attributes as a listing would have shown them."""
    off = SETS[NUMBERS[state.off]]
    return ListedManifest(state.digest, state.media_type, state.artifact_type or "", off, state.created_at, state.tags)
