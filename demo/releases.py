"""What the demonstration pushes: one release of each shape that a registry holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from demo.images import Blob, Entry, Manifest, Platform, attestation, image, index, layer
from demo.root_files import FileEntry, machine_architecture, machine_root_files, other_architecture, portable_root_files

BUILDER = "https://example.com/taglock-demo-builder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One push: where to, what, and in words what it shows."""

    repository: str
    tag: str
    manifest: Manifest
    shows: str

    @property
    def name(self) -> str:
        """Repository and tag as people write them."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootLayers:
    """The root file systems of both platforms as layers, with where they come from."""

    own: Blob
    other: Blob
    sources: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Everything the demonstration pushes."""

    plain: Release
    latest: Release
    two_platforms: Release
    nested: Release
    prerelease: Release
    full_lock: Release
    next_latest: Release
    """Another image under `latest`, pushed at the end: a floating tag still moves."""
    next_prerelease: Release
    """The same prerelease built again: nothing protects it."""
    intruder: Manifest
    """An image that somebody tries to put over a release."""

    def first(self) -> tuple[Release, ...]:
        """Return the pushes of the first step, in order."""
        return (self.plain, self.latest, self.two_platforms, self.nested, self.prerelease, self.full_lock)

    def protected(self) -> tuple[Release, ...]:
        """Return the pushes that the demo's rules protect."""
        return (self.plain, self.two_platforms, self.nested, self.full_lock)


def root_layers() -> RootLayers:
    """Read this machine's root files and pack them."""
    own, other = machine_root_files(), portable_root_files()
    return RootLayers(own=layer(own.files), other=layer(other.files), sources=(own.source, other.source))


def releases(layers: RootLayers) -> Releases:
    """Build every release from the root layers and a small layer that tells the versions apart."""
    api, web = versioned(layers, "api 1.4.2"), platforms(layers, "api 1.5.0")
    nested = index(Entry(manifest=platforms(layers, "bundle 2.0.0")), Entry(manifest=platforms(layers, "tools 2.0.0")))
    return Releases(
        plain=Release(repository="prod/api", tag="1.4.2", manifest=api, shows="plain image"),
        latest=Release(repository="prod/api", tag="latest", manifest=api, shows="the same image, a floating tag"),
        two_platforms=Release(
            repository="prod/api", tag="1.5.0", manifest=web, shows="index: two platforms, two attestations"
        ),
        nested=Release(repository="prod/bundle", tag="2.0.0", manifest=nested, shows="index of two indexes"),
        prerelease=Release(
            repository="prod/api", tag="1.6.0-rc.1", manifest=versioned(layers, "api 1.6.0-rc.1"), shows="prerelease"
        ),
        full_lock=Release(
            repository="regulated/ledger",
            tag="3.0.1",
            manifest=versioned(layers, "ledger 3.0.1"),
            shows="plain image, rule with the full lock",
        ),
        next_latest=Release(
            repository="prod/api", tag="latest", manifest=versioned(layers, "api 1.7.0"), shows="a newer image"
        ),
        next_prerelease=Release(
            repository="prod/api",
            tag="1.6.0-rc.1",
            manifest=versioned(layers, "api 1.6.0-rc.1, built again"),
            shows="the prerelease, built again",
        ),
        intruder=versioned(layers, "intruder"),
    )


def versioned(layers: RootLayers, version: str) -> Manifest:
    """Return a plain image for this machine's platform."""
    return image(layers.own, version_layer(version), platform=Platform(architecture=machine_architecture()))


def platforms(layers: RootLayers, version: str) -> Manifest:
    """Return an index with an image and an attestation for each of the two platforms, as BuildKit writes it."""
    return index(*chain.from_iterable(platform_entries(layers, version)))


def platform_entries(layers: RootLayers, version: str) -> Iterator[tuple[Entry, Entry]]:
    """Yield the index entries of each platform: the image and what attests it."""
    for root, architecture in ((layers.own, machine_architecture()), (layers.other, other_architecture())):
        platform = Platform(architecture=architecture)
        built = image(root, version_layer(version), platform=platform)
        yield Entry(manifest=built, platform=platform), attestation(built, builder=BUILDER)


def version_layer(version: str) -> Blob:
    """Return the layer that makes one version differ from another."""
    return layer((FileEntry(path="etc/version", content=f"{version}\n".encode()),))
