"""Recorded answers of real registries, and manifests as the OCI specification writes them, become our values."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from taglock.adapters.acr_answer import checked
from taglock.adapters.acr_call import Action, Call, Category
from taglock.adapters.acr_claims import EVERY_REPOSITORY, Scope, read_claims
from taglock.adapters.acr_registry import attributes_path
from taglock.adapters.acr_wire import manifest_state, repository_state, tag_state, update_body
from taglock.adapters.http_answer import Answer
from taglock.domain.attributes import Attribute
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
from taglock.domain.state import AttributeUpdate, ManifestState, RepositoryState, TagState
from taglock.errors import InvalidRequest, NotFound, RegistryError, UntrustedAnswer
from tests.adapters.registry.conftest import Open
from tests.adapters.registry.peer import DIGEST, OTHER_DIGEST, REPOSITORY, TAG, Peer, jwt

RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/acr-recordings"
CALL = Call(method="GET", path="/", operation="read", target="x", category=Category.READ)
EVERYTHING = frozenset(Attribute)

needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the shared recordings are not here")


def exchanges(start: str) -> Iterator[dict[str, Any]]:
    for file in sorted(RECORDINGS.glob(f"{start}-*.json")):
        yield from json.loads(file.read_text())["exchanges"]


def answer_in(exchange: dict[str, Any]) -> Answer:
    response = exchange["response"]
    headers = {"Content-Type": "application/json; charset=utf-8"} | response.get("headers", {})
    return Answer(status=response["status"], headers=headers, body=json.dumps(response["body"]).encode())


def target_in(exchange: dict[str, Any]) -> Target:
    url = urlsplit(exchange["request"]["url"])
    repository, *rest = url.path.removeprefix("/acr/v1/").split("/")
    named = LoginServer(url.netloc), Repository(unquote(repository))
    kinds = {"_tags": TargetKind.TAG, "_manifests": TargetKind.MANIFEST}
    return Target(*named, kinds[rest[0]], unquote(rest[1])) if rest else Target(*named, TargetKind.REPOSITORY)


def state_in(exchange: dict[str, Any]) -> TagState | ManifestState | RepositoryState:
    target = target_in(exchange)
    readers: dict[TargetKind, Callable[[Call, Answer, Target], TagState | ManifestState | RepositoryState]] = {
        TargetKind.TAG: tag_state,
        TargetKind.MANIFEST: manifest_state,
        TargetKind.REPOSITORY: repository_state,
    }
    return readers[target.kind](CALL, answer_in(exchange), target)


def recorded(start: str, status: int = 200) -> list[dict[str, Any]]:
    return [
        each
        for each in exchanges(start)
        if "/acr/v1/" in each["request"]["url"] and each["response"]["status"] == status
    ]


@needs_recordings
@pytest.mark.parametrize("start", ["01", "02", "03"])
def test_every_recorded_answer_is_understood(start: str) -> None:
    assert recorded(start)
    for exchange in recorded(start):
        wire = json.dumps(exchange["response"]["body"])
        off = {attribute for attribute in Attribute if f'"{attribute}Enabled": false' in wire}
        assert state_in(exchange).off == off


@needs_recordings
def test_a_recorded_tag_keeps_its_digest_and_time() -> None:
    state = state_in(recorded("01")[0])
    assert isinstance(state, TagState)
    assert state.digest == "sha256:f2266cbfc127c960fd30e76b7c792dc23b588c0db76233517e1891a4e357d519"
    assert state.updated_at == datetime(2021, 5, 10, 15, 39, 23, 706367, tzinfo=UTC)


@needs_recordings
def test_a_recorded_index_lists_its_children_with_their_platform() -> None:
    states = [state for state in map(state_in, recorded("02")) if isinstance(state, ManifestState)]
    assert states
    for state in states:
        assert state.media_type == "application/vnd.docker.distribution.manifest.list.v2+json"
        assert state.artifact_type == ""
        assert state.tags == ("latest", "newest", "v1", "v2", "v3", "v4")
        assert state.references is not None
        assert len({child.digest for child in state.references}) == 11
        assert all(child.has_platform and child.media_type is None for child in state.references)


@needs_recordings
@pytest.mark.parametrize("start", ["01", "02", "03"])
def test_our_paths_are_the_recorded_ones(start: str) -> None:
    for exchange in recorded(start):
        assert attributes_path(target_in(exchange)) == urlsplit(exchange["request"]["url"]).path


@needs_recordings
@pytest.mark.parametrize("start", ["01", "02", "03"])
def test_our_updates_are_the_recorded_ones(start: str) -> None:
    sent = [each for each in recorded(start) if each["request"]["method"] == "PATCH"]
    assert sent
    for exchange in sent:
        body = exchange["request"]["body"]
        named = {attribute: body[f"{attribute}Enabled"] for attribute in Attribute if f"{attribute}Enabled" in body}
        off = frozenset(attribute for attribute, enabled in named.items() if not enabled)
        update = AttributeUpdate(target=target_in(exchange), off=off, on=frozenset(named) - off)
        assert json.loads(update_body(update)) == body


@needs_recordings
def test_recorded_refusals_are_errors_with_their_code() -> None:
    refused = [each for start in ("01", "02", "03", "08", "16") for each in exchanges(start)]
    refused = [each for each in refused if each["response"]["status"] == 401]
    assert refused
    for exchange in refused:
        with pytest.raises(RegistryError) as raised:
            checked(CALL, answer_in(exchange))
        assert (raised.value.status, raised.value.code) == (401, "UNAUTHORIZED")


@needs_recordings
@pytest.mark.parametrize("name", ["refresh", "access2022", "access2021", "anon"])
def test_recorded_claims_are_understood(name: str) -> None:
    wire = json.loads((RECORDINGS / "token-claims-decoded.json").read_text())[name]
    claims = read_claims(CALL, jwt(**wire))
    assert claims.lifetime_seconds == {"refresh": 11_700, "anon": 1_200}.get(name, 4_500)
    assert not claims.per_repository
    scope = Scope("library/hello-world", (Action.METADATA_READ, Action.PULL))
    missing = {"refresh": set(scope.actions), "anon": {Action.METADATA_READ}}.get(name, {Action.PULL})
    assert claims.missing(scope) == missing


@pytest.mark.parametrize(
    ("access", "missing"),
    [
        ([{"type": "repository", "name": "a", "actions": ["metadata_read"]}], False),
        ([{"type": "repository", "name": "a", "actions": ["*"]}], False),
        ([{"type": "repository", "name": "*", "actions": ["metadata_read"]}], False),
        ([{"type": "repository", "name": "b", "actions": ["metadata_read"]}], True),
        ([{"type": "registry", "name": "a", "actions": ["metadata_read"]}], True),
        ([{"type": "repository", "name": "a", "actions": ["metadata_write"]}], True),
        ([{"type": "repository", "name": "a", "actions": None}], True),
    ],
)
def test_a_scope_is_granted_by_name_or_wildcard_only(access: object, missing: bool) -> None:
    claims = read_claims(CALL, jwt(iat=1, exp=2, access=access))
    assert bool(claims.missing(Scope("a", (Action.METADATA_READ,)))) is missing


def test_a_token_for_one_repository_does_not_grant_every_one() -> None:
    access = [{"type": "repository", "name": "a", "actions": ["pull"]}]
    assert read_claims(CALL, jwt(iat=1, exp=2, access=access)).missing(Scope(EVERY_REPOSITORY, (Action.PULL,)))


def manifest_answer(**changed: object) -> Answer:
    manifest = {
        "digest": DIGEST,
        "imageSize": 1,
        "createdTime": "2022-03-07T23:33:47.172007Z",
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "changeableAttributes": {f"{attribute}Enabled": True for attribute in Attribute}
        | {"quarantineState": "Passed"},
    }
    whole = {"registry": "R.azurecr.io", "imageName": REPOSITORY, "manifest": manifest | changed, "unknown": [1]}
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=json.dumps(whole).encode())


TARGET = manifest_target(LoginServer("r.azurecr.io"), REPOSITORY, DIGEST)


@pytest.mark.parametrize("changed", [{}, {"references": None, "tags": None, "configMediaType": None}])
def test_an_index_without_references_is_not_childless(changed: dict[str, object]) -> None:
    state = manifest_state(CALL, manifest_answer(**changed), TARGET)
    assert (state.references, state.tags, state.artifact_type) == (None, (), "")


def test_children_without_an_operating_system_may_be_indexes() -> None:
    wire = [{"digest": DIGEST, "os": ""}, {"digest": OTHER_DIGEST}, {"digest": DIGEST, "os": "linux"}]
    state = manifest_state(CALL, manifest_answer(references=wire), TARGET)
    assert state.references is not None
    assert [child.has_platform for child in state.references] == [False, False, True]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"references": [{"digest": DIGEST}, {"digest": "x"}]}, r"\$\.manifest\.references\[1\]\.digest"),
        ({"references": [{"os": "linux"}]}, r"\$\.manifest\.references\[0\]"),
        ({"tags": ["ok", "not ok"]}, r"\$\.manifest\.tags\[1\]"),
        ({"createdTime": "x"}, r"\$\.manifest\.createdTime"),
        ({"mediaType": None}, r"\$\.manifest\.mediaType"),
    ],
)
def test_a_bad_manifest_is_told_with_its_path(changed: dict[str, object], path: str) -> None:
    with pytest.raises(UntrustedAnswer, match=path):
        manifest_state(CALL, manifest_answer(**changed), TARGET)


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - hypothesis wants them so
    st.integers(0, 9),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_time_with_a_zone_becomes_the_same_moment_in_utc(naive: datetime, seventh: int, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = f"{naive:%Y-%m-%dT%H:%M:%S}.{naive.microsecond:06d}{seventh}{moment.isoformat()[-6:]}"
    state = manifest_state(CALL, manifest_answer(createdTime=text), TARGET)
    assert state.created_at == moment
    assert state.created_at.tzinfo is UTC


def test_an_update_is_partial() -> None:
    update = AttributeUpdate(target=TARGET, off=frozenset({Attribute.WRITE, Attribute.DELETE}))
    assert update_body(update) == b'{"deleteEnabled":false,"writeEnabled":false}'
    assert update_body(AttributeUpdate(target=TARGET, on=frozenset({Attribute.READ}))) == b'{"readEnabled":true}'


def test_an_attribute_both_off_and_on_is_refused() -> None:
    both = frozenset({Attribute.READ})
    with pytest.raises(InvalidRequest, match="either off or on"):
        update_body(AttributeUpdate(target=TARGET, off=both, on=both))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (tag_target(TARGET.registry, Repository("a/b__c/d"), Tag("v1.0_x-y")), "/acr/v1/a%2Fb__c%2Fd/_tags/v1.0_x-y"),
        (repository_target(TARGET.registry, Repository("a")), "/acr/v1/a"),
    ],
)
def test_names_are_escaped(target: Target, path: str) -> None:
    assert attributes_path(target) == path


async def test_an_answer_that_is_less_than_asked_is_returned_as_it_is(peer: Peer, opened: Open) -> None:
    target = tag_target(peer.login_server, REPOSITORY, TAG)
    state = await opened().update_tag(AttributeUpdate(target=target, off=EVERYTHING))
    assert state.off == frozenset()


def content_reply(peer: Peer, document: object, *, kind: str) -> Digest:
    body = json.dumps(document).encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert "application/vnd.oci.image.index.v1+json" in request.headers["Accept"]
        assert "application/vnd.docker.distribution.manifest.list.v2+json" in request.headers["Accept"]
        return web.Response(body=body, headers={"Content-Type": kind})

    peer.answer = answer
    return Digest(f"sha256:{hashlib.sha256(body).hexdigest()}")


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


async def test_an_index_s_content_names_its_children(peer: Peer, opened: Open) -> None:
    children = [
        {"mediaType": MANIFEST, "digest": DIGEST, "size": 1, "platform": {"architecture": "amd64", "os": "linux"}},
        {"mediaType": INDEX, "digest": OTHER_DIGEST, "size": 1},
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children, "subject": {"digest": DIGEST}}
    digest = content_reply(peer, document, kind=INDEX)
    content = await opened().content(REPOSITORY, digest)
    assert (content.digest, content.media_type, content.artifact_type) == (digest, INDEX, "")
    assert [(child.digest, child.media_type, child.has_platform) for child in content.references] == [
        (DIGEST, MANIFEST, True),
        (OTHER_DIGEST, INDEX, False),
    ]
    assert content.subject == DIGEST
    assert peer.paths == [f"/v2/prod%2Fapi/manifests/{digest}"]


@pytest.mark.parametrize(
    ("document", "kind", "artifact"),
    [
        ({"mediaType": MANIFEST, "config": {"mediaType": "application/x.config"}}, MANIFEST, "application/x.config"),
        ({"artifactType": "application/x.sbom", "config": {"mediaType": "empty"}}, MANIFEST, "application/x.sbom"),
        ({"config": {}}, f"{MANIFEST}; charset=utf-8", ""),
        ({"mediaType": MANIFEST}, "application/json", ""),
    ],
)
async def test_the_artifact_type_is_the_manifest_s_or_its_configuration_s(
    peer: Peer, opened: Open, document: dict[str, object], kind: str, artifact: str
) -> None:
    content = await opened().content(REPOSITORY, content_reply(peer, document, kind=kind))
    assert (content.media_type, content.artifact_type, content.references) == (MANIFEST, artifact, ())
    assert content.subject is None


async def test_content_with_another_digest_is_not_believed(peer: Peer, opened: Open) -> None:
    content_reply(peer, {"mediaType": MANIFEST}, kind=MANIFEST)
    with pytest.raises(UntrustedAnswer, match="digest of the content"):
        await opened().content(REPOSITORY, DIGEST)


async def test_a_header_that_contradicts_the_content_is_not_believed(peer: Peer, opened: Open) -> None:
    digest = content_reply(peer, {"mediaType": MANIFEST}, kind=INDEX)
    with pytest.raises(UntrustedAnswer, match="content type"):
        await opened().content(REPOSITORY, digest)


async def test_content_under_a_longer_digest_is_verified_as_well(peer: Peer, opened: Open) -> None:
    document = {"mediaType": MANIFEST}
    content_reply(peer, document, kind=MANIFEST)
    digest = Digest(f"sha512:{hashlib.sha512(json.dumps(document).encode()).hexdigest()}")
    assert (await opened().content(REPOSITORY, digest)).digest == digest


async def test_a_list_of_referrers_that_breaks_off_is_not_taken_for_whole(peer: Peer, opened: Open) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query_string:
            return web.Response(status=404)
        link = f'</v2/prod/api/referrers/{DIGEST}?n=2>; rel="next"'
        return web.Response(body=b'{"manifests":[]}', headers={"Content-Type": INDEX, "Link": link})

    peer.answer = answer
    with pytest.raises(NotFound):
        await opened().referrers(REPOSITORY, DIGEST)


async def test_referrers_of_all_pages_are_listed_once(peer: Peer, opened: Open) -> None:
    pages: dict[str, list[str]] = {"": [DIGEST, OTHER_DIGEST], "n=2&last=b": [OTHER_DIGEST, f"sha256:{'c' * 64}"]}

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": INDEX}
        if not request.query_string:
            headers["Link"] = f'</v2/prod/api/referrers/{DIGEST}?n=2&last=b>; rel="next"'
        items = [{"digest": digest, "mediaType": MANIFEST} for digest in pages[request.query_string]]
        return web.Response(body=json.dumps({"manifests": items}), headers=headers)

    peer.answer = answer
    assert await opened().referrers(REPOSITORY, DIGEST) == [DIGEST, OTHER_DIGEST, f"sha256:{'c' * 64}"]
    assert peer.seen["GET"] == 2
    assert set(peer.scopes) == {"repository:*:pull"}
