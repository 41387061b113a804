"""Every method of the port against the emulated registry, which was written apart from the adapter."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest

from localcloud.faults import Answer as Answered
from localcloud.faults import Challenged as Challenge
from localcloud.faults import Fault, ForeignLink, HugeBody, OtherDigest, OtherRepository, Redirected, Reset, Truncated
from localcloud.faults import Throttled as Throttle
from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import Principal
from localcloud.registry.seeding import seed_image, seed_index, seed_manifest
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry as EmulatedRegistry
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrOptions, AcrRegistry, open_registry
from taglock.domain.attributes import Attribute
from taglock.domain.reference import (
    Digest,
    LoginServer,
    Repository,
    Tag,
    manifest_target,
    repository_target,
    tag_target,
)
from taglock.domain.state import AttributeUpdate
from taglock.errors import Disallowed, NotFound, Throttled, Unauthorized, UntrustedAnswer
from taglock.ports import Registry
from tests.adapters.registry.peer import Credential

REPOSITORY = Repository("prod/team/api")
TAG = Tag("1.4.2")
PLATFORMS = {"linux/amd64": 1, "linux/arm64": 2, "windows/amd64": 3}
LOCKER = frozenset({"metadata_read", "metadata_write", "pull"})
NOTHING_HERE = Digest("sha256:" + "0" * 64)
SUBSETS = [frozenset(chosen) for size in range(5) for chosen in combinations(Attribute, size)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The emulated registry and the adapter opened on it."""

    emulated: EmulatedRegistry
    registry: AcrRegistry
    reopened: Callable[[], AcrRegistry]
    login_server: LoginServer

    def counts(self) -> dict[str, int]:
        return self.emulated.traffic.counts()


@pytest.fixture(scope="module")
def cloud_authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def cloud_authority_file(cloud_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cloud") / "ca.pem"
    cloud_authority.ca_file(file)
    return file


@pytest.fixture
def principal() -> Principal:
    return Principal(name="taglock", actions=LOCKER)


@pytest.fixture
def options() -> RegistryOptions:
    return RegistryOptions()


@pytest.fixture
async def cloud(
    cloud_authority: Authority,
    cloud_authority_file: Path,
    principal: Principal,
    options: RegistryOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Cloud]:
    monkeypatch.setenv("SSL_CERT_FILE", str(cloud_authority_file))
    emulated = EmulatedRegistry(
        login_server="",
        now=lambda: datetime.now(UTC),
        authenticate=lambda token: principal if token == "entra-token" else None,
        options=options,
    )
    opened: list[AcrRegistry] = []
    async with serving(emulated, authority=cloud_authority) as port:
        login_server = LoginServer(f"127.0.0.1:{port}")

        def reopened() -> AcrRegistry:
            settings = AcrOptions(audience="https://containerregistry.azure.net")
            opened.append(open_registry(login_server, credential=Credential(), options=settings))
            return opened[-1]

        yield Cloud(emulated=emulated, registry=reopened(), reopened=reopened, login_server=login_server)
        for registry in opened:
            await registry.aclose()


@pytest.fixture
def image(cloud: Cloud) -> Digest:
    return Digest(seed_image(cloud.emulated.store, REPOSITORY, 7, [TAG, "latest"]))


@pytest.fixture
def index(cloud: Cloud) -> Digest:
    return Digest(seed_index(cloud.emulated.store, REPOSITORY, PLATFORMS, ["2.0.0"]))


def test_the_adapter_has_the_port_s_shape(cloud: Cloud) -> None:
    port: Registry = cloud.registry
    assert port is cloud.registry


async def test_a_tag_is_read(cloud: Cloud, image: Digest) -> None:
    state = await cloud.registry.tag(REPOSITORY, TAG)
    assert state.target == tag_target(cloud.login_server, REPOSITORY, TAG)
    assert (state.digest, state.off) == (image, frozenset())
    assert state.updated_at.tzinfo is UTC


async def test_a_manifest_is_read_with_its_tags(cloud: Cloud, image: Digest) -> None:
    state = await cloud.registry.manifest(REPOSITORY, image)
    assert state.target == manifest_target(cloud.login_server, REPOSITORY, image)
    assert (state.digest, state.off, state.references) == (image, frozenset(), None)
    assert set(state.tags) == {TAG, "latest"}
    assert state.media_type
    assert state.artifact_type


async def test_a_repository_is_read(cloud: Cloud, image: Digest) -> None:
    state = await cloud.registry.repository(REPOSITORY)
    assert (state.target, state.off) == (repository_target(cloud.login_server, REPOSITORY), frozenset())


async def test_an_index_names_its_children(cloud: Cloud, index: Digest) -> None:
    state = await cloud.registry.manifest(REPOSITORY, index)
    content = await cloud.registry.content(REPOSITORY, index)
    assert state.references is not None
    assert [child.digest for child in state.references] == [child.digest for child in content.references]
    assert len(state.references) == len(PLATFORMS)
    assert all(child.has_platform for child in (*state.references, *content.references))
    assert content.media_type == state.media_type


async def test_an_image_s_content_is_read(cloud: Cloud, image: Digest) -> None:
    content = await cloud.registry.content(REPOSITORY, image)
    state = await cloud.registry.manifest(REPOSITORY, image)
    assert (content.digest, content.media_type) == (image, state.media_type)
    assert content.artifact_type == state.artifact_type
    assert (content.references, content.subject) == ((), None)


async def test_referrers_of_an_image_are_listed(cloud: Cloud, image: Digest) -> None:
    assert await cloud.registry.referrers(REPOSITORY, image) == []
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {"mediaType": "application/x.sbom", "digest": image, "size": 2}
    subject = {"mediaType": kind, "digest": image, "size": 1}
    bodies = [
        json.dumps(
            {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [], "subject": subject, "n": number}
        ).encode()
        for number in range(3)
    ]
    signed = {seed_manifest(cloud.emulated.store, REPOSITORY, body) for body in bodies}
    found = await cloud.registry.referrers(REPOSITORY, image)
    assert set(found) == signed
    assert len(found) == 3
    assert (await cloud.registry.content(REPOSITORY, found[0])).subject == image


async def test_every_set_of_attributes_is_switched_off_proved_and_switched_on(cloud: Cloud, image: Digest) -> None:
    target = tag_target(cloud.login_server, REPOSITORY, TAG)
    for off in SUBSETS:
        locked = await cloud.registry.update_tag(AttributeUpdate(target=target, off=off))
        assert (locked.off, locked.digest) == (off, image)
        assert (await cloud.registry.tag(REPOSITORY, TAG)).off == off
        free = await cloud.registry.update_tag(AttributeUpdate(target=target, on=off))
        assert free.off == frozenset()


async def test_a_manifest_is_locked_apart_from_its_tag(cloud: Cloud, index: Digest) -> None:
    target = manifest_target(cloud.login_server, REPOSITORY, index)
    off = frozenset({Attribute.DELETE})
    state = await cloud.registry.update_manifest(AttributeUpdate(target=target, off=off))
    assert state.off == off
    assert state.references is not None
    assert (await cloud.registry.tag(REPOSITORY, Tag("2.0.0"))).off == frozenset()


async def test_a_repository_is_locked_on_its_own(cloud: Cloud, image: Digest) -> None:
    target = repository_target(cloud.login_server, REPOSITORY)
    off = frozenset({Attribute.DELETE})
    assert (await cloud.registry.update_repository(AttributeUpdate(target=target, off=off))).off == off
    assert (await cloud.registry.repository(REPOSITORY)).off == off


async def test_what_is_not_there_is_not_found(cloud: Cloud, image: Digest) -> None:
    registry, absent = cloud.registry, Repository("no/such")
    target = tag_target(cloud.login_server, REPOSITORY, Tag("none"))
    for reading in (
        registry.tag(REPOSITORY, Tag("none")),
        registry.tag(absent, TAG),
        registry.manifest(REPOSITORY, NOTHING_HERE),
        registry.repository(absent),
        registry.content(REPOSITORY, NOTHING_HERE),
        registry.update_tag(AttributeUpdate(target=target, off=frozenset({Attribute.WRITE}))),
    ):
        with pytest.raises(NotFound) as raised:
            await reading
        assert raised.value.code


async def test_an_update_inside_a_locked_repository_is_disallowed(cloud: Cloud, image: Digest) -> None:
    whole = repository_target(cloud.login_server, REPOSITORY)
    await cloud.registry.update_repository(AttributeUpdate(target=whole, off=frozenset({Attribute.WRITE})))
    target = tag_target(cloud.login_server, REPOSITORY, TAG)
    with pytest.raises(Disallowed) as raised:
        await cloud.registry.update_tag(AttributeUpdate(target=target, off=frozenset({Attribute.DELETE})))
    assert (raised.value.status, raised.value.code) == (405, "REGISTRY_DISALLOWED_OPERATION")


async def test_content_that_may_not_be_read_is_disallowed(cloud: Cloud, image: Digest) -> None:
    target = manifest_target(cloud.login_server, REPOSITORY, image)
    await cloud.registry.update_manifest(AttributeUpdate(target=target, off=frozenset({Attribute.READ})))
    with pytest.raises(Disallowed):
        await cloud.registry.content(REPOSITORY, image)


async def test_a_warm_call_is_one_request(cloud: Cloud, image: Digest) -> None:
    await cloud.registry.tag(REPOSITORY, TAG)
    mark = cloud.emulated.traffic.mark()
    update = AttributeUpdate(target=tag_target(cloud.login_server, REPOSITORY, TAG), off=frozenset({Attribute.DELETE}))
    await cloud.registry.update_tag(update)
    assert sum(cloud.emulated.traffic.counts_since(mark).values()) == 1


async def test_two_hundred_calls_at_once_exchange_once(cloud: Cloud, image: Digest) -> None:
    target = manifest_target(cloud.login_server, REPOSITORY, image)
    update = AttributeUpdate(target=target, off=frozenset({Attribute.DELETE}))
    await asyncio.gather(*(cloud.registry.update_manifest(update) for _ in range(200)))
    counts = cloud.counts()
    assert sum(counts.values()) == 202
    assert sorted(counts.values()) == [1, 1, 200]


async def test_requests_name_the_app(cloud: Cloud, image: Digest) -> None:
    await cloud.registry.tag(REPOSITORY, TAG)
    assert {seen.user_agent for seen in cloud.emulated.traffic.since(0)} == {"taglock"}


class TestWithoutEnoughRights:
    @pytest.mark.parametrize("principal", [Principal(name="nobody")])
    async def test_an_identity_without_any_role_is_told_so(self, cloud: Cloud, image: Digest) -> None:
        with pytest.raises(Unauthorized):
            await cloud.registry.tag(REPOSITORY, TAG)

    @pytest.mark.parametrize("principal", [Principal(name="reader", actions=frozenset({"metadata_read"}))])
    async def test_a_reader_reads_and_cannot_lock(self, cloud: Cloud, image: Digest) -> None:
        assert (await cloud.registry.tag(REPOSITORY, TAG)).digest == image
        target = tag_target(cloud.login_server, REPOSITORY, TAG)
        with pytest.raises(Unauthorized, match="metadata_write"):
            await cloud.registry.update_tag(AttributeUpdate(target=target, off=frozenset({Attribute.WRITE})))
        assert "PATCH tag" not in cloud.counts()

    @pytest.mark.parametrize("principal", [Principal(name="pusher", actions=frozenset({"pull", "push"}))])
    async def test_a_pusher_pulls_but_sees_no_attributes(self, cloud: Cloud, image: Digest) -> None:
        assert (await cloud.registry.content(REPOSITORY, image)).digest == image
        with pytest.raises(Unauthorized, match="metadata_read"):
            await cloud.registry.tag(REPOSITORY, TAG)


@pytest.mark.parametrize("options", [RegistryOptions(abac=True)])
@pytest.mark.parametrize("principal", [Principal(name="taglock", repositories={"prod/*": LOCKER})])
class TestInAbacMode:
    async def test_each_repository_has_its_own_scope(self, cloud: Cloud, image: Digest) -> None:
        seed_image(cloud.emulated.store, "prod/web", 8, [TAG])
        for _ in range(2):
            await cloud.registry.tag(REPOSITORY, TAG)
            await cloud.registry.tag(Repository("prod/web"), TAG)
        scopes = [seen.scope for seen in cloud.emulated.traffic.since(0) if seen.scope]
        assert scopes == [f"repository:{name}:metadata_read,metadata_write" for name in (REPOSITORY, "prod/web")]

    async def test_many_repositories_at_once_share_requests(self, cloud: Cloud) -> None:
        names = [Repository(f"prod/{number}") for number in range(20)]
        for number, name in enumerate(names):
            seed_image(cloud.emulated.store, name, number, [TAG])
        await asyncio.gather(*(cloud.registry.tag(name, TAG) for name in names))
        assert sum(cloud.counts().values()) == 1 + 2 + 20

    async def test_a_repository_outside_the_condition_is_refused_alone(self, cloud: Cloud, image: Digest) -> None:
        seed_image(cloud.emulated.store, "test/api", 9, [TAG])
        good, bad = await asyncio.gather(
            cloud.registry.tag(REPOSITORY, TAG),
            cloud.registry.tag(Repository("test/api"), TAG),
            return_exceptions=True,
        )
        assert not isinstance(good, BaseException)
        assert isinstance(bad, Unauthorized)


@pytest.mark.parametrize(
    "action",
    [
        Redirected(location="https://127.0.0.1:1/"),
        HugeBody(megabytes=50),
        OtherRepository(repository="prod/other"),
        OtherDigest(digest=NOTHING_HERE),
    ],
    ids=lambda action: type(action).__name__,
)
async def test_a_hostile_answer_is_not_believed(
    cloud: Cloud, image: Digest, action: Redirected | HugeBody | OtherRepository | OtherDigest
) -> None:
    cloud.emulated.faults.add(Fault(action=action, method="PATCH"))
    target = manifest_target(cloud.login_server, REPOSITORY, image)
    update = AttributeUpdate(target=target, off=frozenset({Attribute.DELETE}))
    with pytest.raises(UntrustedAnswer):
        await cloud.registry.update_manifest(update)
    assert (await cloud.registry.update_manifest(update)).off == update.off


async def test_a_foreign_link_of_referrers_is_not_followed(cloud: Cloud, image: Digest) -> None:
    cloud.emulated.faults.add(Fault(action=ForeignLink(target="https://127.0.0.1:1/v2/x"), match="/referrers/"))
    with pytest.raises(UntrustedAnswer):
        await cloud.registry.referrers(REPOSITORY, image)


@pytest.mark.parametrize(
    "action",
    [
        Reset(when="before"),
        Reset(when="after"),
        Truncated(),
        Answered(status=503),
        Throttle(retry_after_seconds=0),
        Challenge(error="invalid_token", realm="https://127.0.0.1:1/oauth2/token"),
    ],
    ids=repr,
)
async def test_a_passing_failure_of_an_update_is_got_over(
    cloud: Cloud, image: Digest, action: Reset | Truncated | Answered | Throttle | Challenge
) -> None:
    cloud.emulated.faults.add(Fault(action=action, method="PATCH"))
    target = tag_target(cloud.login_server, REPOSITORY, TAG)
    update = AttributeUpdate(target=target, off=frozenset({Attribute.DELETE}))
    assert (await cloud.registry.update_tag(update)).off == update.off


async def test_a_long_throttling_is_raised_and_then_obeyed(cloud: Cloud, image: Digest) -> None:
    cloud.emulated.faults.add(Fault(action=Throttle(retry_after_seconds=60), method="PATCH"))
    target = tag_target(cloud.login_server, REPOSITORY, TAG)
    update = AttributeUpdate(target=target, off=frozenset({Attribute.DELETE}))
    for _ in range(3):
        with pytest.raises(Throttled):
            await cloud.registry.update_tag(update)
    assert cloud.counts()["PATCH tag"] == 1
    assert (await cloud.registry.tag(REPOSITORY, TAG)).off == frozenset()
    assert (await cloud.reopened().update_tag(update)).off == update.off
