"""What people ask for who loosen: unlock, end, retire, accept; and what they find afterwards."""

import ssl
from datetime import timedelta
from typing import Any

import aiohttp

from localcloud.faults import Answer, Fault
from localcloud.registry.content import Manifest
from localcloud.registry.flags import Change, Flags
from taglock.domain.acts.act import ActKind
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.request import AcceptAsked, EndAsked, RetireAsked, UnlockAsked
from taglock.domain.deployment import Running, Source, Workload
from taglock.domain.deployment_ledger import workload_changes
from taglock.domain.reference import Digest, ImageReference, Repository
from taglock.enforcement.acts.accept import accept
from taglock.enforcement.acts.relock import end_unlock
from taglock.enforcement.acts.retire import retire
from taglock.enforcement.acts.unlock import unlock
from tests.acts.world import ANNA, BERND, ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import ORIGIN, REPOSITORY

HALF_AN_HOUR = timedelta(minutes=30)
CHILDREN = [plain("amd64"), plain("arm64"), plain("attestation")]
ROOT = index(*CHILDREN)
TICK = timedelta(seconds=30)


async def released(made: ActWorld, tag: str = "1.0.0") -> None:
    """Push an index as a release and let it be locked."""
    for child in CHILDREN:
        made.push(None, child)
    await made.pushing.deliver(made.push(tag, ROOT))


async def unlocked(made: ActWorld, tag: str = "", digest: str = "", **options: Any) -> ActAnswer:
    place = made.place(tag, digest, repository=options.pop("repository", REPOSITORY))
    asked: dict[str, Any] = {"by": ANNA, "reason": "rebuild", "place": place, "expires_in": HALF_AN_HOUR, **options}
    return await unlock(made.pushing.app, UnlockAsked(**asked))


async def ended(made: ActWorld, act_id: str) -> ActAnswer:
    return await end_unlock(made.pushing.app, EndAsked(by=BERND, reason="rebuilt", act=act_id))


async def shown(made: ActWorld, act_id: str, kind: ActKind = ActKind.UNLOCK) -> ActAnswer:
    return await made.shown(act_id, kind)


# -- the world around ---------------------------------------------------------------------------------------------


async def runs(made: ActWorld, manifest: Manifest, *, workload: str = "shop") -> None:
    """Let a workload run a manifest, as the ledger would know it."""
    now = made.pushing.clock.now()
    image = ImageReference(
        registry=made.pushing.login_server, repository=Repository(REPOSITORY), digest=Digest(manifest.digest)
    )
    run = Running(image=image, digest=Digest(manifest.digest), since=now, recorded_at=now, source=Source.EVENT)
    known = Workload(
        key=workload,
        environment="production",
        source=Source.EVENT,
        changed_at=now,
        event_id="e",
        recorded_at=now,
        runs=(run,),
    )
    await made.pushing.app.rows.write(workload_changes(None, None, known))


def set_repository(made: ActWorld, **flags: bool) -> None:
    made.pushing.emulator.store.change_repository(REPOSITORY, Change(flags=flags, quarantine={}))


def repository_flags(made: ActWorld) -> Flags:
    return made.pushing.emulator.store.repository(REPOSITORY).flags


def delete(made: ActWorld, manifest: Manifest) -> None:
    made.pushing.emulator.store.delete_manifest(REPOSITORY, manifest.digest, ORIGIN)


def fail(made: ActWorld, method: str, *, times: int | None = None, skip: int = 0) -> None:
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method=method, times=times, skip=skip))


def heal(made: ActWorld) -> None:
    made.pushing.emulator.faults.clear()


async def retired(made: ActWorld, tag: str = "", digest: str = "", **options: Any) -> ActAnswer:
    asked = RetireAsked(by=ANNA, reason="end of life", place=made.place(tag, digest), **options)
    return await retire(made.pushing.app, asked)


async def accepted(made: ActWorld, tag: str, manifest: Manifest) -> ActAnswer:
    asked = AcceptAsked(by=ANNA, reason="rebuilt", place=made.place(tag), digest=Digest(manifest.digest))
    return await accept(made.pushing.app, asked)


async def delete_over_http(made: ActWorld, manifest: Manifest) -> int:
    """Delete a manifest as any client would, and return the status."""
    context = ssl.create_default_context()  # trusts SSL_CERT_FILE
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        url = f"https://{made.pushing.login_server}/v2/{REPOSITORY}/manifests/{manifest.digest}"
        headers = {"Authorization": f"Bearer {await token(made, session, 'delete')}"}
        async with session.delete(url, headers=headers) as answer:
            return answer.status


async def token(made: ActWorld, session: aiohttp.ClientSession, action: str) -> str:
    server = made.pushing.login_server
    entra = {"grant_type": "access_token", "service": server, "access_token": "entra-token"}
    async with session.post(f"https://{server}/oauth2/exchange", data=entra) as answer:
        refresh = (await answer.json())["refresh_token"]
    scope = f"repository:{REPOSITORY}:{action}"
    asked = {"grant_type": "refresh_token", "service": server, "scope": scope, "refresh_token": refresh}
    async with session.post(f"https://{server}/oauth2/token", data=asked) as answer:
        return str((await answer.json())["access_token"])
