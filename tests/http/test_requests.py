"""What callers send: strict bodies, hostile input, and an answer that says what is wrong."""

from collections.abc import Mapping
from typing import Any

import pytest

from taglock.domain.http.bodies import LONGEST_BODY
from taglock.domain.http.operations import OPERATIONS
from taglock.domain.http.values import duration
from taglock.errors import InvalidRequest
from tests.http.caller import Keyed
from tests.pushing.images import index, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")
POSTS = [each for each in OPERATIONS if each.method == "POST" and each.body_required]
DIGEST = "sha256:" + "0" * 64


def route_of(name: str) -> Mapping[str, str]:
    return {"id": "none"}


async def refused(keyed: Keyed, name: str, body: Any, *, status: int = 400) -> Any:
    reply = await keyed.call(name, route=route_of(name), json=body)
    assert reply.status == status, (reply.status, reply.text)
    assert reply.content_type == "application/problem+json"
    assert reply.json["status"] == status
    assert reply.json["type"].startswith("urn:taglock:problem:")
    return reply.json


@pytest.mark.parametrize("operation", POSTS, ids=lambda each: each.name)
async def test_a_reason_is_needed(keyed: Keyed, operation: Any) -> None:
    body = {"image": keyed.image(":1.0.0"), "digest": DIGEST, "rule": "x"}
    fields = operation.body.__struct_fields__
    found = await refused(keyed, operation.name, {name: body[name] for name in body if name in fields})
    assert found["errors"][0]["path"] == "$.reason"


@pytest.mark.parametrize("reason", ["", "   ", "a\r\nSet-Cookie: b", "a\x00", "a\u2028b", "x" * 1001, 7, None, ["a"]])
async def test_a_reason_is_a_text_without_control_characters(keyed: Keyed, reason: Any) -> None:
    found = await refused(keyed, "quarantine", {"image": keyed.image(":1.0.0"), "reason": reason})
    assert found["errors"][0]["path"] == "$.reason"


@pytest.mark.parametrize(
    "image",
    [
        "",
        "{registry}/../secrets:1.0.0",
        "{registry}/prod/../../x:1",
        "{registry}/prod%2fapi:1.0.0",
        "{registry}/prod//api:1.0.0",
        "{registry}/PROD/api:1.0.0",
        "{registry}/prod/\u0430pi:1.0.0",
        "{registry}/prod/api:\u0661.0.0",
        "{registry}/prod/api:1.0.0\n",
        "{registry}/prod/api",
        "{registry}/prod/api@sha256:abc",
        "{registry}/" + "a/" * 5000 + "b:1",
        "{registry}/" + "a" * 599 + ":1",
        "https://{registry}/prod/api:1.0.0",
        "user:pass@{registry}/prod/api:1.0.0",
    ],
)
async def test_references_outside_the_grammar_are_refused(keyed: Keyed, image: str) -> None:
    text = image.replace("{registry}", keyed.cloud.registry.login_server)
    requests = keyed.cloud.registry.traffic.counts()
    found = await refused(keyed, "quarantine", {"image": text, "reason": "a test"})
    assert found["errors"][0]["path"].startswith("$.image")
    assert len(found["detail"]) < 1000
    assert keyed.cloud.registry.traffic.counts() == requests


@pytest.mark.parametrize("name", ["quarantine", "unlock", "hold"])
async def test_other_registries_are_refused_before_anybody_is_asked(keyed: Keyed, name: str) -> None:
    for image in ("evil.example/prod/api:1", "prod/api:1.0.0", "127.0.0.1:1/prod/api:1"):
        found = await refused(keyed, name, {"image": image, "reason": "a test"}, status=422)
        assert found["type"] == "urn:taglock:problem:unknown-registry"


@pytest.mark.parametrize(
    "body", [{}, {"image": "a", "repository": "b"}, {"repository": "{registry}/prod/api:1.0.0"}], ids=str
)
async def test_exactly_one_of_image_and_repository_is_needed(keyed: Keyed, body: dict[str, str]) -> None:
    text = {name: value.replace("{registry}", keyed.cloud.registry.login_server) for name, value in body.items()}
    await refused(keyed, "quarantine", {**text, "reason": "a test"})


async def test_unknown_members_are_refused_with_the_nearest_known_one(keyed: Keyed) -> None:
    body = {"image": keyed.image(":1.0.0"), "reason": "a test", "acknowledged": DIGEST}
    found = await refused(keyed, "quarantine", body)
    assert found["errors"] == [{"path": "$.acknowledged", "message": found["errors"][0]["message"]}]
    assert "did you mean acknowledge?" in found["errors"][0]["message"]


@pytest.mark.parametrize("text", ["0m", "-5m", "5", "PT", "P1D", "1e3s", "9999999h", "PT5M5", "five", "\u0665m"])
async def test_durations_that_are_none_are_refused(keyed: Keyed, text: str) -> None:
    body = {"image": keyed.image(":1.0.0"), "reason": "a test", "expires_in": text}
    found = await refused(keyed, "unlock", body)
    assert found["errors"][0]["path"] == "$.expires_in"
    with pytest.raises(InvalidRequest):
        duration(text, "$")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("PT1H30M", 5400), ("PT5S", 5)]
)
async def test_durations_in_both_spellings_are_understood(text: str, seconds: int) -> None:
    assert duration(text, "$").total_seconds() == seconds


@pytest.mark.parametrize(
    "time",
    ["yesterday", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2027-01-01T00:00:00", "0"],
)
async def test_times_that_are_past_far_or_without_offset_are_refused(keyed: Keyed, time: str) -> None:
    body = {"image": keyed.image(":1.0.0"), "reason": "a test", "review_by": time}
    found = await refused(keyed, "quarantine", body)
    assert found["errors"][0]["path"] == "$.review_by"


@pytest.mark.parametrize("operation", POSTS, ids=lambda each: each.name)
async def test_a_body_has_a_type_and_a_size(keyed: Keyed, operation: Any) -> None:
    large = b'{"reason": "' + b"x" * LONGEST_BODY + b'"}'
    headers = {"Content-Type": "application/json"}
    too_large = await keyed.call(operation.name, route=route_of(""), data=large, headers=headers)
    assert (too_large.status, too_large.json["type"]) == (413, "urn:taglock:problem:too-large")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": content_type}
        other = await keyed.call(operation.name, route=route_of(""), data=b'{"reason": "x"}', headers=headers)
        assert (other.status, other.json["type"]) == (415, "urn:taglock:problem:content-type")
    headers = {"Content-Type": "application/json; charset=utf-8"}
    for broken in (b"", b"{", b"[]", b"null", b'"text"', b"[" * 10_000, b"\xff\xfe", b'{"reason": 1e999}'):
        found = await keyed.call(operation.name, route=route_of(""), data=broken, headers=headers)
        assert (found.status, found.json["type"]) == (400, "urn:taglock:problem:invalid-request"), broken


@pytest.mark.parametrize("name", ["quarantine_lift", "unlock_end", "hold_end"])
@pytest.mark.parametrize("act", ["none", "%2e%2e", "..%2f..", "a" * 2000, "%00", "%F0%9F%92%A9"])
async def test_an_act_that_there_is_not_is_404(keyed: Keyed, name: str, act: str) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    headers = {"x-functions-key": keyed.functions.keys.functions[name]}
    reply = await keyed.send("POST", operation.path.replace("{id}", act), headers=headers, json={"reason": "a test"})
    assert reply.status == 404, reply.text


async def test_an_image_that_the_registry_does_not_have_is_404(keyed: Keyed) -> None:
    for name in ("quarantine", "unlock", "hold", "retire"):
        body = {"image": keyed.image(":there-is-none"), "reason": "a test"}
        found = await refused(keyed, name, body, status=404)
        assert found["type"] == "urn:taglock:problem:not-in-registry"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "phase=gone", "registry=%2F", "repository=..", "other=1", "limit=1e1"]
)
async def test_a_wrong_query_is_400_and_names_the_parameter(keyed: Keyed, query: str) -> None:
    headers = {"x-functions-key": keyed.functions.keys.functions["quarantines"]}
    reply = await keyed.send("GET", f"quarantine?{query}", headers=headers)
    assert reply.status == 400
    assert reply.json["errors"][0]["path"] == f"?{query.partition('=')[0]}"


async def test_a_quarantine_is_previewed_begun_joined_shown_listed_and_lifted(keyed: Keyed) -> None:
    children = [plain("walk-amd64"), plain("walk-arm64")]
    for child in children:
        keyed.push(None, child)
    root = index(*children, name="walk")
    keyed.push("walk", root)
    asked = {"image": keyed.image(":walk"), "reason": "CVE-2026-1", "ticket": "SEC-7"}
    unknown = await keyed.call("quarantine", json=asked)
    assert (unknown.status, unknown.json["type"]) == (409, "urn:taglock:problem:acknowledge-required")
    assert unknown.json["acknowledge"] == root.digest
    preview = await keyed.call("quarantine", json={**asked, "preview": True})
    assert (preview.status, preview.json["preview"], len(preview.json["targets"])) == (200, True, 4)
    store = keyed.cloud.registry.store
    assert store.manifest("prod/api", root.digest).flags.read
    begun = await keyed.call("quarantine", json={**asked, "acknowledge": root.digest})
    assert (begun.status, begun.json["complete"]) == (200, True), begun.text
    assert not store.manifest("prod/api", children[0].digest).flags.read
    again = await keyed.call("quarantine", json={**asked, "acknowledge": root.digest})
    act_id = begun.json["act"]["id"]
    assert (again.status, again.json["joined"], again.json["act"]["id"]) == (200, True, act_id)
    shown = await keyed.call("quarantine_shown", route={"id": act_id})
    assert (shown.status, shown.json["act"]["ticket"]) == (200, "SEC-7")
    headers = {"x-functions-key": keyed.functions.keys.functions["quarantines"]}
    listed = await keyed.send("GET", "quarantine?phase=open&limit=1", headers=headers)
    assert [act["id"] for act in listed.json["acts"]] == [act_id]
    lifted = await keyed.call("quarantine_lift", route={"id": act_id}, json={"reason": "false alarm"})
    assert (lifted.status, lifted.json["complete"]) == (200, True), lifted.text
    assert store.manifest("prod/api", root.digest).flags.read


async def test_no_key_reaches_a_log_line(keyed: Keyed) -> None:
    key = keyed.functions.keys.functions["quarantine"]
    body = {"image": keyed.image(":none"), "reason": "a test"}
    assert (await keyed.send("POST", f"quarantine?code={key}", json=body)).status == 404
    assert (await keyed.send("POST", f"quarantine?code={key}", data=b"{")).status == 415
    log = keyed.log
    assert '"trigger": "quarantine"' in log
    for secret in (key, keyed.functions.keys.master, keyed.functions.keys.default):
        assert secret not in log
