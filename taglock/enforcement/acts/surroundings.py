"""Ask the ledger what else an act concerns: who runs the image, who shares its children, where else it is."""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from copy import replace

from taglock.domain.acts.act import Place
from taglock.domain.acts.answer import Runs, Shared, Surroundings
from taglock.domain.audit.rows import INDEX_PREFIX, IndexChildren, repositories_partition
from taglock.domain.deployment import Answer, Deployment, WhoRuns
from taglock.domain.deployment_ledger import DEPLOYMENTS, after
from taglock.domain.ledger import image_partition, manifest_key, restored
from taglock.domain.reference import Digest, LoginServer, Repository
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deployments import active_deployments, who_runs
from taglock.enforcement.side_by_side import all_ended

PAGE = 1000
AT_ONCE = 32
READ_AT_ONCE = 500


async def who_runs_any(app: Enforcement, registry: LoginServer, digests: Sequence[Digest]) -> tuple[Runs, ...]:
    """Tell who runs the first manifest, whatever the answer, and who runs any of the others; raises LedgerError."""
    root, *below = digests
    places = asyncio.Semaphore(AT_ONCE)

    async def one(digest: Digest) -> Runs | None:
        async with places:
            found = await active_deployments(app, registry, digest)
        if not found:
            return None
        return Runs(digest=digest, who=WhoRuns(answer=Answer.YES, reason="the ledger holds it", deployments=found))

    first = Runs(digest=root, who=await who_runs(app, registry, root))
    return (first, *(runs for runs in await all_ended(one(digest) for digest in below) if runs is not None))


async def who_runs_repository(app: Enforcement, place: Place) -> tuple[Runs, ...]:
    """Tell who runs anything of a repository; raises LedgerError."""
    prefix = f"runs/{place.registry}/"
    digests: set[Digest] = set()
    start = prefix
    while True:
        rows = await app.rows.scan(DEPLOYMENTS, start=start, end=after(prefix), limit=PAGE)
        held = [restored(Deployment, row.body) for row in rows]
        digests |= {each.digest for each in held if each.digest is not None and each.repository == place.repository}
        if len(rows) < PAGE:
            break
        start = rows[-1].key.key + "\0"
    found = [Runs(digest=digest, who=await who_runs(app, place.registry, digest)) for digest in sorted(digests)]
    running = tuple(runs for runs in found if runs.who.answer is not Answer.NO)
    if running:
        return running
    nothing = Digest(f"sha256:{'0' * 64}")  # nobody runs it, so the answer tells how much of the cloud is known
    return (Runs(digest=nothing, who=await who_runs(app, place.registry, nothing)),)


def to_acknowledge(place: Place, runs: Sequence[Runs]) -> str:
    """Return what has to be acknowledged before something that runs, or may run, is made impossible to pull.

    The digest of an image; for a whole repository, which has none, a digest of who runs what of it.
    """
    if all(each.who.answer is Answer.NO for each in runs):
        return ""
    if place.digest is not None:
        return place.digest
    lines = sorted(f"{each.digest} {run.workload}" for each in runs for run in each.who.deployments)
    return f"sha256:{hashlib.sha256('\n'.join((str(place), *lines)).encode()).hexdigest()}"


async def elsewhere(app: Enforcement, place: Place) -> tuple[Place, ...]:
    """Return where the ledger knows the same digest in other repositories and registries; raises LedgerError."""
    assert place.digest is not None
    found: list[Place] = []
    for registry in sorted(set(app.known_registries.values())):
        repositories = await _repositories(app, registry, place.digest)
        found += [Place(registry=registry, repository=repository, digest=place.digest) for repository in repositories]
    return tuple(each for each in found if (each.registry, each.repository) != (place.registry, place.repository))


async def _repositories(app: Enforcement, registry: LoginServer, digest: Digest) -> list[Repository]:
    found = {run.repository for run in await active_deployments(app, registry, digest)}
    start = ""
    while True:
        rows = await app.rows.scan(repositories_partition(registry), start=start, limit=READ_AT_ONCE)
        names = [Repository(row.key.key) for row in rows]
        held = await app.rows.read([manifest_key(registry, name, digest) for name in names]) if names else []
        found |= {name for name, row in zip(names, held, strict=True) if row is not None}
        if len(rows) < READ_AT_ONCE:
            return sorted(found)
        start = rows[-1].key.key + "\0"


async def shares(app: Enforcement, place: Place, closure: Collection[Digest]) -> tuple[Shared, ...]:
    """Return the indexes outside a closure that name some of its manifests, as far as the ledger knows them."""
    partition, start = image_partition(place.registry, place.repository), INDEX_PREFIX
    found: list[Shared] = []
    while True:
        rows = await app.rows.scan(partition, start=start, end=after(INDEX_PREFIX), limit=PAGE)
        for row in rows:
            index = Digest(row.key.key.removeprefix(INDEX_PREFIX))
            common = tuple(each for each in restored(IndexChildren, row.body).children if each in closure)
            if common and index not in closure:
                found.append(Shared(index=replace(place, tag=None, digest=index), manifests=common))
        if len(rows) < PAGE:
            return tuple(found)
        start = rows[-1].key.key + "\0"


async def surroundings(app: Enforcement, place: Place, closure: Sequence[Digest]) -> Surroundings:
    """Return all of it for an image; `closure` begins with the root."""
    runs = await who_runs_any(app, place.registry, closure)
    return Surroundings(
        runs=runs,
        shares=await shares(app, place, set(closure)),
        elsewhere=await elsewhere(app, place),
        acknowledge=to_acknowledge(place, runs),
    )
