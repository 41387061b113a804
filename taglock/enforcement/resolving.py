"""Resolve the tags of a deployment, each once, whatever happens to the ledger meanwhile."""

import asyncio
from collections.abc import Sequence

from taglock.domain.deployment_change import Resolved
from taglock.domain.outcome import Failure
from taglock.domain.reference import ImageReference
from taglock.enforcement.context import Enforcement
from taglock.errors import RegistryError


class Resolving:
    """Remembers what each tag pointed to, and why another could not be read, for one handling of one deployment."""

    def __init__(self, app: Enforcement, deadline: float) -> None:
        self._app = app
        self._deadline = deadline
        self.found: dict[ImageReference, Resolved] = {}
        self.failures: dict[ImageReference, Failure] = {}

    async def resolve(self, images: Sequence[ImageReference]) -> None:
        """Ask the registries for the tags that are not known yet; what cannot be read now is a failure."""
        asked = self.found.keys() | self.failures.keys()
        await asyncio.gather(*(self._resolve(image) for image in images if image.digest is None and image not in asked))

    async def _resolve(self, image: ImageReference) -> None:
        assert image.tag is not None  # a reference without digest has a tag
        try:
            async with asyncio.timeout_at(self._deadline):
                state = await self._app.registries(image.registry).tag(image.repository, image.tag)
        except RegistryError as error:
            self.failures[image] = Failure.of(str(image), error, may_be_gone=True)
        except TimeoutError:
            self.failures[image] = Failure(target=str(image), message="the time was used up", transient=True)
        else:
            self.found[image] = Resolved(digest=state.digest, moved_at=state.updated_at)
