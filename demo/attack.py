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
    target: str
    send: Callable[[], Answer]
    refusals: frozenset[str] = LOCKED


def attempts(client: RegistryClient, release: Release, intruder: Manifest) -> Iterator[Attempt]:
    """Yield attempts to overwrite and delete a release's tag and every manifest of its closure."""
    repository = release.repository
    for blob in intruder.blobs:
        client.push_blob(repository, blob)
    overwrite = partial(client.put_manifest, repository, release.tag, intruder)
    yield Attempt(what="overwrite", target=release.name, send=overwrite)
    yield Attempt(what="delete", target=release.name, send=partial(client.delete_tag, repository, release.tag))
    for manifest in reversed(release.manifest.closure()):
        target = f"{repository}@{manifest.digest}"
        overwrite = partial(client.put_manifest, repository, manifest.digest, intruder)
        yield Attempt(what="overwrite", target=target, send=overwrite, refusals=OTHER_BYTES)
        yield Attempt(what="delete", target=target, send=partial(client.delete_manifest, repository, manifest.digest))


def refusal_of(answer: Answer) -> str:
    """Return an answer's status and error code, as refusals are compared."""
    return f"{answer.status} {answer.error_code()}".strip()
