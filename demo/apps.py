"""What the demonstration deploys: images that no rule protects when they are pushed, and who runs them."""

from dataclasses import dataclass

from demo.images import Manifest
from demo.releases import Release, RootLayers, platforms, versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Apps:
    """The images of two applications, and those beside them."""

    older: Release
    """Deployed by its tag; later it gets a part of the traffic only."""
    newer: Release
    """Deployed as `latest`."""
    portal: Release
    """Deployed by its digest, in a compose file."""
    aside: Release
    """Pushed and deployed nowhere."""
    next_newer: Release
    """Another image under `latest`, pushed while the one before runs."""

    def first(self) -> tuple[Release, ...]:
        """Return the pushes before anything is deployed, in order."""
        return (self.older, self.newer, self.portal, self.aside)

    def running(self) -> tuple[Release, ...]:
        """Return what runs once all is deployed."""
        return (self.older, self.newer, self.portal)


def apps(layers: RootLayers) -> Apps:
    """Build the images of both applications."""

    def shop(tag: str, manifest: Manifest, shows: str) -> Release:
        return Release(repository="apps/shop", tag=tag, manifest=manifest, shows=shows)

    return Apps(
        older=shop("build-41", versioned(layers, "shop 41"), "plain image"),
        newer=shop("latest", platforms(layers, "shop 42"), "index: two platforms, two attestations"),
        portal=Release(
            repository="apps/portal", tag="build-7", manifest=versioned(layers, "portal 7"), shows="plain image"
        ),
        aside=shop("build-40", versioned(layers, "shop 40"), "plain image, deployed nowhere"),
        next_newer=shop("latest", platforms(layers, "shop 43"), "a newer index"),
    )
