"""Every event is understood, ignored with a reason, or rejected with a path; nothing else ever comes out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taglock.domain.envelope import CLOCK_TOLERANCE
from taglock.domain.event import ImagePushed, NotForUs, UnknownRegistry, parse_event
from taglock.domain.reference import LoginServer
from taglock.errors import InvalidEvent

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "events"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
REGISTRIES = {"jolovcr": LoginServer("jolovcr.azurecr.io")}
DIGEST = "sha256:57a94fc99816c6aa225678b738ac40d85422e75dbb96115f1bb9b6ed77176166"
files = sorted(SAMPLES.rglob("*.json"))
needs_samples = pytest.mark.skipif(not files, reason="the recorded events are not beside this checkout")

PUSH: dict[str, object] = {
    "id": "1",
    "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/jolovcr",
    "subject": "prod/api:1.4.2",
    "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "eventTime": "2026-02-28T12:00:00.1234567Z",
    "data": {
        "id": "1",
        "timestamp": "2026-02-28T12:00:00.1234567Z",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": DIGEST,
            "repository": "prod/api",
            "tag": "1.4.2",
        },
        "request": {"host": "jolovcr.azurecr.io"},
    },
    "dataVersion": "2.0",
    "metadataVersion": "1",
}


def parse(event: object) -> ImagePushed | NotForUs | UnknownRegistry:
    return parse_event(event if isinstance(event, str) else json.dumps(event), registries=REGISTRIES, now=NOW)


def changed(**places: object) -> dict[str, object]:
    """Return the push with values set at dotted places; a value of ... removes the key."""
    event = json.loads(json.dumps(PUSH))
    for place, value in places.items():
        *way, last = place.split("__")
        inner = event
        for key in way:
            inner = inner[key]
        if value is ...:
            inner.pop(last, None)
        else:
            inner[last] = value
    return event  # type: ignore[no-any-return]


def pushed(event: object) -> ImagePushed:
    parsed = parse(event)
    assert isinstance(parsed, ImagePushed)
    return parsed


@needs_samples
@pytest.mark.parametrize("file", files, ids=lambda file: file.name)
def test_every_sample_is_parsed_or_ignored_with_a_reason_or_rejected_with_a_path(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    events = document if isinstance(document, list) else [document]
    for event in events:
        try:
            parsed = parse(event)
        except InvalidEvent as error:
            assert all(problem.path.startswith("$") and problem.expected for problem in error.problems)
        else:
            assert isinstance(parsed, ImagePushed) or not isinstance(parsed, NotForUs) or parsed.reason


@needs_samples
@pytest.mark.parametrize("name", ["acr-image-pushed.eventgrid.json", "acr-image-pushed.cloudevent.json"])
def test_both_schemas_of_the_recorded_push_mean_the_same(name: str) -> None:
    push = pushed((SAMPLES / name).read_text(encoding="utf-8"))
    assert push.image == f"jolovcr.azurecr.io/samples/nginx:latest@{DIGEST}"
    assert push.event_id == "c25fdb80-ebbd-4dd0-a29c-a7349e6388f6"
    assert push.occurred_at == datetime(2021, 9, 8, 6, 37, 45, 468100, tzinfo=UTC)
    assert push.location == "westus"


def test_data_as_a_json_string_means_the_same_as_data_as_an_object() -> None:
    assert parse(changed(data=json.dumps(PUSH["data"]))) == parse(PUSH)


def test_data_encoded_twice_is_rejected() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.data: .*expected an object"):
        parse(changed(data=json.dumps(json.dumps(PUSH["data"]))))


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-02-28T12:00:00Z", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("2026-02-28T14:00:00+02:00", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("2026-02-28T12:00:00.123456789Z", datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-02-28T12:00:00.5Z", datetime(2026, 2, 28, 12, 0, 0, 500000, tzinfo=UTC)),
        ("2026-02-28T12:00:00", datetime(2026, 2, 28, 12, tzinfo=UTC)),
    ],
)
def test_times_of_any_offset_and_precision_are_read(time: str, moment: datetime) -> None:
    assert pushed(changed(data__timestamp=time)).occurred_at == moment


def test_the_envelope_s_time_serves_when_the_data_have_none() -> None:
    assert pushed(changed(data__timestamp=...)).occurred_at == pushed(PUSH).occurred_at


def test_a_time_in_the_future_is_cut_to_five_minutes_from_now() -> None:
    assert pushed(changed(data__timestamp="2031-01-01T00:00:00Z")).occurred_at == NOW + CLOCK_TOLERANCE


def test_an_event_without_tag_or_without_digest_is_understood() -> None:
    assert pushed(changed(data__target__tag=...)).tag is None
    assert pushed(changed(data__target__digest=...)).digest is None


def test_the_registry_is_found_by_its_resource_name_whatever_its_login_server() -> None:
    hashed = {"jolovcr": LoginServer("jolovcr-b7cgdrhk.azurecr.io")}
    event = json.dumps(changed(data__request=...))
    parsed = parse_event(event, registries=hashed, now=NOW)
    assert isinstance(parsed, ImagePushed)
    assert parsed.registry == "jolovcr-b7cgdrhk.azurecr.io"


def test_the_host_decides_alone_only_without_a_topic() -> None:
    assert pushed(changed(topic=...)).registry == "jolovcr.azurecr.io"
    assert isinstance(parse(changed(topic=..., data__request__host="evil.example")), UnknownRegistry)


def test_a_registry_outside_the_allow_list_is_told_by_name() -> None:
    parsed = parse(changed(topic="/subscriptions/s/providers/Microsoft.ContainerRegistry/registries/other"))
    assert parsed == UnknownRegistry(event_id="1", registry="other")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"data": ...}, "$.data"),
        ({"data": []}, "$.data"),
        ({"data__target": ...}, "$.data.target"),
        ({"data__target__digest": "sha256:short"}, "$.data.target.digest"),
        ({"data__target__digest": 7}, "$.data.target.digest"),
        ({"data__target__tag": "-bad"}, "$.data.target.tag"),
        ({"data__target__tag": "x" * 129}, "$.data.target.tag"),
        ({"data__target__repository": "UPPER"}, "$.data.target.repository"),
        ({"data__target__repository": ...}, "$.data.target.repository"),
        ({"data__target__repository": "a/../b"}, "$.data.target.repository"),
        ({"data__target__tag": ..., "data__target__digest": ...}, "$.data.target"),
        ({"data__request__host": "evil.example"}, "$.data.request.host"),
        ({"topic": "/nothing/of/ours"}, "$.topic"),
        ({"topic": ..., "data__request": ...}, "$.topic"),
        ({"id": ...}, "$.id"),
        ({"id": "line\nbreak"}, "$.id"),
        ({"id": "\ud800"}, "$.id"),
        ({"eventType": ...}, "$.eventType"),
        ({"data__timestamp": "soon", "eventTime": "later"}, "$.eventTime"),
    ],
)
def test_what_is_wrong_is_rejected_with_its_path(changes: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(changed(**changes))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_a_connected_registry_is_ignored_because_it_cannot_lock() -> None:
    parsed = parse(changed(topic=f"{PUSH['topic']}/connectedRegistries/edge"))
    assert isinstance(parsed, NotForUs)
    assert "connected registry" in parsed.reason


def test_long_values_do_not_flood_the_message() -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(changed(data__target__digest="x" * 100_000))
    assert len(str(caught.value)) < 400


# -- mutations ------------------------------------------------------------------------------------------------------

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.just("x" * 300_000),
    st.just([]),
    st.just({}),
    st.just({"target": {"target": {"target": {}}}}),
    st.sampled_from(["2026-02-28T12:00:00+02:00", "2026-02-28T12:00:00.123456789Z", "9999-12-31T23:59:59-23:59"]),
    st.sampled_from(["evil.example", "jolovcr.azurecr.io:443", "JOLOVCR.AZURECR.IO", "\ud800", "\x00"]),
)
places = [
    (),
    ("id",),
    ("topic",),
    ("eventType",),
    ("eventTime",),
    ("specversion",),
    ("source",),
    ("type",),
    ("time",),
    ("data",),
    ("data", "timestamp"),
    ("data", "location"),
    ("data", "request"),
    ("data", "request", "host"),
    ("data", "target"),
    *(("data", "target", key) for key in ("mediaType", "digest", "repository", "tag", "size")),
]


def _set(document: object, place: tuple[str, ...], value: object) -> object:
    if not place:
        return value
    inner = dict(document) if isinstance(document, dict) else {}
    inner[place[0]] = _set(inner.get(place[0]), place[1:], value)
    return inner


def _dropped(document: object, place: tuple[str, ...], _value: object) -> object:
    if not place or not isinstance(document, dict):
        return document
    inner = dict(document)
    if len(place) == 1:
        inner.pop(place[0], None)
    else:
        inner[place[0]] = _dropped(inner.get(place[0]), place[1:], None)
    return inner


def _nested(document: object, place: tuple[str, ...], _value: object) -> object:
    return _set(document, place, {"nested": document})


def _as_text(document: object, place: tuple[str, ...], _value: object) -> object:
    inner = document
    for key in place:
        inner = inner.get(key) if isinstance(inner, dict) else None
    return _set(document, place, json.dumps(inner))


mutations: list[Callable[[object, tuple[str, ...], object], object]] = [_set, _dropped, _nested, _as_text]


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(mutations), st.sampled_from(places), odd_values), min_size=1, max_size=4))
def test_a_mutated_push_is_understood_ignored_or_rejected_with_a_path(
    changes: list[tuple[Callable[[object, tuple[str, ...], object], object], tuple[str, ...], object]],
) -> None:
    event: object = PUSH
    for mutate, place, value in changes:
        event = mutate(event, place, value)
    try:
        parsed = parse(json.dumps(event))
    except InvalidEvent as error:
        assert all(problem.path.startswith("$") and problem.expected for problem in error.problems)
        assert len(str(error)) < 2000
        return
    if isinstance(parsed, ImagePushed):
        assert parsed.registry == "jolovcr.azurecr.io"
        assert parsed.occurred_at <= NOW + CLOCK_TOLERANCE
        assert parsed.occurred_at.utcoffset() == timedelta(0)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_rejected_with_a_path(text: str) -> None:
    try:
        parse(text)
    except InvalidEvent as error:
        assert error.problems[0].path.startswith("$")
