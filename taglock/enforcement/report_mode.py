"""Report mode: every update is answered by a read, and nothing else differs."""

from collections.abc import Sequence
from copy import replace

from taglock.domain.reference import Digest, Repository, Tag
from taglock.domain.rule import Mode
from taglock.domain.state import AttributeUpdate, ManifestContent, ManifestState, RepositoryState, TagState
from taglock.ports import Registry


class ReportOnly:
    """A registry that answers updates as if they had been made, after reading the target."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def tag(self, repository: Repository, tag: Tag) -> TagState:
        """Read a tag's attributes."""
        return await self._registry.tag(repository, tag)

    async def manifest(self, repository: Repository, digest: Digest) -> ManifestState:
        """Read a manifest's attributes."""
        return await self._registry.manifest(repository, digest)

    async def repository(self, repository: Repository) -> RepositoryState:
        """Read a repository's own attributes."""
        return await self._registry.repository(repository)

    async def tags_of(self, repository: Repository, digest: Digest) -> Sequence[TagState]:
        """List the tags that point at a manifest."""
        return await self._registry.tags_of(repository, digest)

    async def content(self, repository: Repository, digest: Digest) -> ManifestContent:
        """Read a manifest's content."""
        return await self._registry.content(repository, digest)

    async def referrers(self, repository: Repository, digest: Digest) -> Sequence[Digest]:
        """List the manifests whose subject is this one."""
        return await self._registry.referrers(repository, digest)

    async def update_tag(self, update: AttributeUpdate) -> TagState:
        """Read the tag and answer as if it had been updated."""
        state = await self._registry.tag(update.target.repository, Tag(update.target.name))
        return replace(state, off=(state.off | update.off) - update.on)

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        """Read the manifest and answer as if it had been updated."""
        state = await self._registry.manifest(update.target.repository, Digest(update.target.name))
        return replace(state, off=(state.off | update.off) - update.on)

    async def update_repository(self, update: AttributeUpdate) -> RepositoryState:
        """Read the repository and answer as if it had been updated."""
        state = await self._registry.repository(update.target.repository)
        return replace(state, off=(state.off | update.off) - update.on)


def view(registry: Registry, mode: Mode) -> Registry:
    """Return the registry as a mode sees it."""
    return ReportOnly(registry) if mode is Mode.REPORT else registry
