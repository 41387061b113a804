"""What the registry keeps: repositories, manifests and tags. Times are ticks of 100 nanoseconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from localcloud.registry.flags import OPEN, Flags
from localcloud.registry.ordered import Ordered


@dataclass(slots=True, kw_only=True)
class TagRecord:
    """A tag, the digest it holds and its own flags."""

    name: str
    digest: str
    created: int
    updated: int
    flags: Flags = OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One child of an index as the attributes show it; a child without a platform has neither field."""

    digest: str
    architecture: str | None = None
    os: str | None = None


@dataclass(slots=True, kw_only=True)
class ManifestRecord:
    """A manifest; `content` is its bytes, or the number from which a seeded one is made again when asked for."""

    digest: str
    media_type: str
    created: int
    updated: int
    image_size: int
    content: bytes | int | None = None
    architecture: str | None = None
    os: str | None = None
    config_media_type: str | None = None
    flags: Flags = OPEN
    references: tuple[Reference, ...] | None = None
    subject: str | None = None
    quarantine: dict[str, str] | None = None
    # Nearly every manifest has at most one tag, so a set is made only for the second.
    tagged: str | set[str] | None = None

    def tags(self) -> list[str]:
        """Return the names of the tags that hold this manifest, sorted."""
        if self.tagged is None:
            return []
        return [self.tagged] if isinstance(self.tagged, str) else sorted(self.tagged)

    def add_tag(self, name: str) -> None:
        """Note that a tag holds this manifest."""
        if self.tagged is None:
            self.tagged = name
        elif isinstance(self.tagged, str):
            if self.tagged != name:
                self.tagged = {self.tagged, name}
        else:
            self.tagged.add(name)

    def drop_tag(self, name: str) -> None:
        """Note that a tag no longer holds this manifest."""
        if isinstance(self.tagged, set):
            self.tagged.discard(name)
        elif self.tagged == name:
            self.tagged = None


@dataclass(slots=True, kw_only=True)
class RepositoryRecord:
    """A repository with its tags, its manifests and who refers to them."""

    name: str
    created: int
    updated: int
    flags: Flags = OPEN
    tags: Ordered[TagRecord] = field(default_factory=Ordered)
    manifests: Ordered[ManifestRecord] = field(default_factory=Ordered)
    referrers: dict[str, list[str]] = field(default_factory=dict)
    removed_tag_flags: dict[str, Flags] = field(default_factory=dict)
    # Counts that a recording states although it does not show the objects.
    manifest_count: int | None = None
    tag_count: int | None = None

    def tags_of(self, manifest: ManifestRecord) -> Iterator[TagRecord]:
        """Yield the tags that hold a manifest."""
        for name in manifest.tags():
            if (record := self.tags.get(name)) is not None:
                yield record
