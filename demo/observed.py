"""What the registry shows about a release, read by the checking client, and what it must show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from demo.client import Attributes, RegistryClient
from demo.releases import Release

NAMES = ("delete", "write", "list", "read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The changeable attributes of one target, True where they are on."""

    delete: bool = True
    write: bool = True
    list: bool = True
    read: bool = True

    def words(self) -> tuple[str, ...]:
        """Return `on` or `off` for each attribute, in the order of the fields."""
        return tuple("on" if getattr(self, field.name) else "off" for field in fields(self))


FREE = Switches()
IMMUTABLE = Switches(delete=False, write=False)
UNDELETABLE = Switches(delete=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a release's tag and each manifest of its closure must show."""

    tag: Switches
    manifests: Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One target as the registry shows it."""

    target: str
    kind: str
    switches: Switches
    digest: str


def switches_of(found: Attributes) -> Switches:
    """Return the switches out of what the client read."""
    return Switches(delete=found.delete, write=found.write, list=found.list, read=found.read)


def observe(client: RegistryClient, release: Release) -> tuple[Seen, ...]:
    """Read a release's tag and every manifest of its closure, root first."""
    tag = client.tag(release.repository, release.tag)
    seen = [Seen(target=release.name, kind="tag", switches=switches_of(tag), digest=tag.digest)]
    for manifest in reversed(release.manifest.closure()):
        found = client.manifest(release.repository, manifest.digest)
        target = f"{release.repository}@{manifest.digest}"
        seen.append(Seen(target=target, kind=manifest.kind, switches=switches_of(found), digest=found.digest))
    return tuple(seen)


def differences(seen: Iterable[Seen], lock: Lock) -> list[str]:
    """Return a sentence for each target that does not show what it must."""
    return [
        f"{each.target} shows {spelled(each.switches)}, expected {spelled(wanted)}"
        for each in seen
        if each.switches != (wanted := lock.tag if each.kind == "tag" else lock.manifests)
    ]


def spelled(switches: Switches) -> str:
    """Return switches in words, such as `delete off, write off, list on, read on`."""
    return ", ".join(f"{name} {word}" for name, word in zip(NAMES, switches.words(), strict=True))


def changes(before: Mapping[str, tuple[Seen, ...]], after: Mapping[str, tuple[Seen, ...]]) -> list[str]:
    """Return the names of the releases whose targets show something else than before."""
    return [name for name in before if before[name] != after.get(name)]
