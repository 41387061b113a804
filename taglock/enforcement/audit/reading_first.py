"""A registry that is asked before it is told: nothing is updated that it already shows as wanted."""

from taglock.domain.reference import Digest, Tag
from taglock.domain.state import AttributeUpdate, ManifestState, RepositoryState, TagState
from taglock.enforcement.report_mode import ReportOnly
from taglock.ports import Registry


class ReadingFirst(ReportOnly):
    """Updates only what lacks an attribute; the answer of the read is the proof for everything else.

    For the resumption of a repair: what a killed invocation updated and could not record is not updated again.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._updated = registry

    async def update_tag(self, update: AttributeUpdate) -> TagState:
        """Read the tag, and update it when it lacks an attribute."""
        state = await self.tag(update.target.repository, Tag(update.target.name))
        return state if update.off <= state.off else await self._updated.update_tag(update)

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        """Read the manifest, and update it when it lacks an attribute."""
        state = await self.manifest(update.target.repository, Digest(update.target.name))
        return state if update.off <= state.off else await self._updated.update_manifest(update)

    async def update_repository(self, update: AttributeUpdate) -> RepositoryState:
        """Read the repository's own attributes, and update them when one is missing."""
        state = await self.repository(update.target.repository)
        return state if update.off <= state.off else await self._updated.update_repository(update)
