"""One Azure Container Registry: read and update changeable attributes, read manifests, list referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from taglock.adapters.acr_answer import next_path, untrusted
from taglock.adapters.acr_call import AcrOptions, Action, Call, Category, Need, Priority
from taglock.adapters.acr_content import ACCEPTED_MANIFESTS, OCI_INDEX, manifest_content, referrer_digests
from taglock.adapters.acr_listing import LARGEST_PAGE, AcrListing
from taglock.adapters.acr_listing_wire import tag_states
from taglock.adapters.acr_pipeline import Channel
from taglock.adapters.acr_wire import manifest_state, repository_state, tag_state, update_body
from taglock.domain.reference import (
    Digest,
    LoginServer,
    Repository,
    Tag,
    Target,
    TargetKind,
    manifest_target,
    repository_target,
    tag_target,
)
from taglock.errors import InvalidReference, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.core.credentials_async import AsyncTokenCredential

    from taglock.domain.doctor_permissions import Granted
    from taglock.domain.state import AttributeUpdate, ManifestContent, ManifestState, RepositoryState, TagState

__all__ = ["AcrOptions", "AcrRegistry", "open_registry"]

MAXIMUM_REFERRER_PAGES = 100
MAXIMUM_TAG_PAGES = 1_000


def open_registry(login_server: LoginServer, *, credential: AsyncTokenCredential, options: AcrOptions) -> AcrRegistry:
    """Return the registry without any network; the caller closes it, and owns the credential."""
    return AcrRegistry(login_server, channel=Channel(login_server, credential=credential, options=options))


class AcrRegistry:
    """Implements ports.Registry over the attribute API (`/acr/v1`) and the OCI API (`/v2`)."""

    def __init__(self, login_server: LoginServer, *, channel: Channel, priority: Priority = Priority.EVENT) -> None:
        self.login_server = login_server
        self._channel = channel
        self._priority = priority

    def background(self) -> AcrRegistry:
        """Return a view for audits: the same connections and tokens, but its calls wait for those of events."""
        return AcrRegistry(self.login_server, channel=self._channel, priority=Priority.BACKGROUND)

    def listing(self) -> AcrListing:
        """Return the registry's listings, over the same connections and tokens, with background priority."""
        return AcrListing(self.login_server, channel=self._channel)

    async def aclose(self) -> None:
        """Close every connection, those of the views included."""
        await self._channel.aclose()

    async def granted(self, repositories: Sequence[Repository]) -> Granted:
        """Ask what the identity may do now, by the claims of fresh tokens; raises RegistryError."""
        return await self._channel.granted(repositories)

    async def tag(self, repository: Repository, tag: Tag) -> TagState:
        """Read a tag's attributes."""
        target = tag_target(self.login_server, repository, tag)
        call = self._read("read tag", target)
        return tag_state(call, await self._channel.send(call), target)

    async def manifest(self, repository: Repository, digest: Digest) -> ManifestState:
        """Read a manifest's attributes."""
        target = manifest_target(self.login_server, repository, digest)
        call = self._read("read manifest", target)
        return manifest_state(call, await self._channel.send(call), target)

    async def repository(self, repository: Repository) -> RepositoryState:
        """Read a repository's own attributes."""
        target = repository_target(self.login_server, repository)
        call = self._read("read repository", target)
        return repository_state(call, await self._channel.send(call), target)

    async def tags_of(self, repository: Repository, digest: Digest) -> list[TagState]:
        """List the tags that point at a manifest: one request for a thousand of them.

        The next page's Link forgets `digest=` (recorded by the Azure SDKs), so each page is asked for by name, and a
        tag of another digest is left out wherever it came from. More than 1,000 pages, or one that does not go on,
        raise UntrustedAnswer.
        """
        target = repository_target(self.login_server, repository)
        found: list[TagState] = []
        after = ""
        for _ in range(MAXIMUM_TAG_PAGES):
            call = self._read("list tags of", target, path=tags_path(target, digest, after))
            answer = await self._channel.send(call)
            page = tag_states(call, answer, target)
            found += [state for state in page if state.digest == digest]
            if next_path(call, answer) is None:
                return found
            if not page or page[-1].target.name == after:
                raise untrusted(call, f"a page that ends at {after!r} again with a next one, expected progress")
            after = page[-1].target.name
        raise untrusted(call, f"endless paging after {MAXIMUM_TAG_PAGES} pages, expected a last page")

    async def update_tag(self, update: AttributeUpdate) -> TagState:
        """Update a tag's attributes; the answer is returned as it is, also when it is not what was asked."""
        call = self._update("update tag", update, TargetKind.TAG)
        return tag_state(call, await self._channel.send(call), update.target)

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        """Update a manifest's attributes; the answer is returned as it is, also when it is not what was asked."""
        call = self._update("update manifest", update, TargetKind.MANIFEST)
        return manifest_state(call, await self._channel.send(call), update.target)

    async def update_repository(self, update: AttributeUpdate) -> RepositoryState:
        """Update a repository's own attributes; the answer is returned as it is."""
        call = self._update("update repository", update, TargetKind.REPOSITORY)
        return repository_state(call, await self._channel.send(call), update.target)

    async def content(self, repository: Repository, digest: Digest) -> ManifestContent:
        """Read a manifest's content, verified against its digest; needs the permission to pull."""
        target = manifest_target(self.login_server, repository, digest)
        call = self._pull("read content", target, oci_path(target, "manifests"), Category.READ)
        return manifest_content(call, await self._channel.send(call), digest)

    async def referrers(self, repository: Repository, digest: Digest) -> list[Digest]:
        """List the manifests whose subject is this one, without repeats; none for a registry that knows no referrers.

        More than 100 pages, or a page that comes twice, raise UntrustedAnswer. Needs the permission to pull.
        """
        target = manifest_target(self.login_server, repository, digest)
        found: dict[Digest, None] = {}
        seen: set[str] = set()
        following: str | None = oci_path(target, "referrers")
        while following is not None:
            call = self._pull("list referrers", target, following, Category.REFERRERS)
            if following in seen or len(seen) >= MAXIMUM_REFERRER_PAGES:
                raise untrusted(call, f"endless paging after {len(seen)} pages, expected a last page")
            try:
                page = await self._channel.send(call)
            except NotFound:
                if seen:
                    raise  # a list that ends in the middle is not a list
                break
            seen.add(following)
            found |= dict.fromkeys(referrer_digests(call, page))
            following = next_path(call, page)
        return list(found)

    def _read(self, operation: str, target: Target, *, path: str = "") -> Call:
        return Call(
            method="GET",
            path=path or attributes_path(target),
            operation=operation,
            target=str(target),
            category=Category.READ,
            need=Need(repository=target.repository, action=Action.METADATA_READ),
            priority=self._priority,
        )

    def _update(self, operation: str, update: AttributeUpdate, kind: TargetKind) -> Call:
        target = update.target
        if target.registry != self.login_server or target.kind is not kind:
            raise InvalidReference.at("update.target", str(target), f"a {kind} of {self.login_server}")
        return Call(
            method="PATCH",
            path=attributes_path(target),
            operation=operation,
            target=str(target),
            category=Category.WRITE,
            need=Need(repository=target.repository, action=Action.METADATA_WRITE),
            priority=self._priority,
            body=update_body(update),
        )

    def _pull(self, operation: str, target: Target, path: str, category: Category) -> Call:
        return Call(
            method="GET",
            path=path,
            operation=operation,
            target=str(target),
            category=category,
            need=Need(repository=target.repository, action=Action.PULL),
            priority=self._priority,
            accept=OCI_INDEX if category is Category.REFERRERS else ACCEPTED_MANIFESTS,
        )


def oci_path(target: Target, endpoint: str) -> str:
    """Return the path of a manifest in the OCI API: its content (`manifests`) or its `referrers`."""
    return f"/v2/{quote(target.repository, safe='')}/{endpoint}/{quote(target.name, safe='')}"


def attributes_path(target: Target) -> str:
    """Return the path of a target's attributes, every part escaped as the Azure SDKs do (`library%2Fhello-world`)."""
    name = f"/acr/v1/{quote(target.repository, safe='')}"
    if target.kind is TargetKind.TAG:
        return f"{name}/_tags/{quote(target.name, safe='')}"
    if target.kind is TargetKind.MANIFEST:
        return f"{name}/_manifests/{quote(target.name, safe='')}"
    return name


def tags_path(target: Target, digest: Digest, after: str) -> str:
    """Return path and query of the tags of one digest behind a name, '' for the first page."""
    query = {"digest": digest, "n": str(LARGEST_PAGE)} | ({"last": after} if after else {})
    return f"{attributes_path(target)}/_tags?{urlencode(query)}"
