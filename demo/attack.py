"""What somebody with every right to push and delete tries on a release."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from demo.client import Answer, RegistryClient
from demo.images import Manifest
from demo.releases import Release

LOCKED = frozenset({"405 REGISTRY_DISALLOWED_OPERATION"})
OTHER_BYTES = LOCKED | {"400 DIGEST_INVALID"}
"""Other bytes under a digest are refused for that alone where the manifest's write is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to change something, and the answers that count as a refusal."""

    what: str
    send: Callable[[], Answer]
    refusals: frozenset[str] = LOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Everything that is tried on one target."""

    target: str
    attempts: tuple[Attempt, ...]


def attacks(client: RegistryClient, release: Release, intruder: Manifest) -> Iterator[Attack]:
    """Yield attempts to overwrite and to delete a release's tag and every manifest of its closure."""
    repository = release.repository
    for blob in intruder.blobs:
        client.push_blob(repository, blob)
    overwrite = Attempt(what="overwrite", send=partial(client.put_manifest, repository, release.tag, intruder))
    delete = Attempt(what="delete", send=partial(client.delete_tag, repository, release.tag))
    yield Attack(target=release.name, attempts=(overwrite, delete))
    for digest in (manifest.digest for manifest in reversed(release.manifest.closure())):
        replace = partial(client.put_manifest, repository, digest, intruder)
        overwrite = Attempt(what="overwrite", send=replace, refusals=OTHER_BYTES)
        delete = Attempt(what="delete", send=partial(client.delete_manifest, repository, digest))
        yield Attack(target=f"{repository}@{digest}", attempts=(overwrite, delete))


def refusal_of(answer: Answer) -> str:
    """Return an answer's status and error code, as refusals are compared."""
    return f"{answer.status} {answer.error_code()}".strip()
