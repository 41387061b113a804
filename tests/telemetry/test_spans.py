"""Spans: one for an invocation, one below it for each request that really went to the registry."""

import json
import logging

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, get_current_span

from localcloud.faults import Answer, Fault, Reset
from taglock.errors import HandOverFailed, LedgerError
from tests.pushing.images import index, plain
from tests.telemetry.listening import Told

OF_A_REQUEST = {
    *("http.request.method", "http.response.status_code", "server.address", "server.port"),
    *("taglock.category", "error.type", "http.request.resend_count"),
}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_push_is_one_invocation_with_one_child_for_each_request_of_the_registry(told: Told) -> None:
    image = plain("api")
    await told.local.deliver(told.local.push("1.4.2", image))
    assert told.ear.invocation.name == "image_pushed"
    names = sorted(span.name for span in told.ear.requests)
    assert names == [
        "PATCH update manifest",
        "PATCH update tag",
        "POST oauth2 exchange",
        "POST oauth2 token",
    ]
    assert sum(told.local.requests().values()) == len(names)
    assert {parent_of(span) for span in told.ear.requests} == {told.ear.invocation.context.span_id}


async def test_an_index_has_a_span_for_each_of_its_requests(told: Told) -> None:
    children = [plain(name) for name in ("amd64", "arm64", "attestation")]
    for child in children:
        told.local.push(None, child)
    await told.local.deliver(told.local.push("2.0.0", index(*children)))
    assert len(told.ear.requests) == sum(told.local.requests().values()) == len(children) + 3 + 2
    assert {parent_of(span) for span in told.ear.requests} == {told.ear.invocation.context.span_id}


async def test_the_invocation_names_its_event_and_its_outcome(told: Told) -> None:
    event = told.local.push("1.4.2", plain("api"))
    await told.local.deliver(event)
    assert attributes_of(told.ear.invocation) == {
        "taglock.trigger": "image_pushed",
        "cloudevents.event_id": json.loads(event)["id"],
        "taglock.outcomes": ("locked",),
    }


async def test_a_request_tells_where_and_how_it_ended_and_never_a_path(told: Told) -> None:
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    host, _colon, port = told.local.login_server.partition(":")
    (tag,) = [span for span in told.ear.requests if span.name == "PATCH update tag"]
    assert attributes_of(tag) == {
        "http.request.method": "PATCH",
        "http.response.status_code": 200,
        "server.address": host,
        "server.port": int(port),
        "taglock.category": "write",
    }
    assert tag.status.status_code is StatusCode.UNSET


async def test_no_span_holds_a_repository_a_tag_a_digest_or_a_token(told: Told) -> None:
    image = plain("api")
    told.local.emulator.faults.add(Fault(action=Answer(status=401), method="PATCH", kind="manifest", times=None))
    await told.local.deliver(told.local.push("1.4.2", image))
    spans = told.ear.spans.get_finished_spans()
    text = " ".join(span.to_json() for span in spans)
    for secret in ("prod/api", "1.4.2", image.digest.partition(":")[2], "entra-token", "Bearer", "refresh_token"):
        assert secret not in text
    assert {name for span in told.ear.requests for name in attributes_of(span)} <= OF_A_REQUEST
    assert not any(span.events for span in spans)


async def test_a_refused_request_is_an_error_named_by_its_status(told: Told) -> None:
    told.local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", times=None))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    (tag,) = [span for span in told.ear.requests if span.name == "PATCH update tag"]
    assert (tag.status.status_code, attributes_of(tag)["error.type"]) == (StatusCode.ERROR, "405")


async def test_a_request_without_an_answer_is_an_error_and_the_second_try_says_so(told: Told) -> None:
    told.local.emulator.faults.add(Fault(action=Reset(), method="PATCH", kind="tag", times=1))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    first, second = [attributes_of(span) for span in told.ear.requests if span.name == "PATCH update tag"]
    assert "http.response.status_code" not in first
    assert str(first["error.type"]).startswith("Service")
    assert (second["http.response.status_code"], second["http.request.resend_count"]) == (200, 1)


async def test_an_invocation_that_breaks_tells_the_class_of_the_error_and_its_event(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_arguments: object, **_options: object) -> None:
        raise LedgerError("the table service at a secret place does not answer")

    event = told.local.push("1.4.2", plain("api"))
    monkeypatch.setattr(type(told.local.app.rows), "write", broken)
    with pytest.raises(HandOverFailed):
        await told.local.deliver(event)
    span = told.ear.invocation
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert attributes_of(span) == {
        "taglock.trigger": "image_pushed",
        "cloudevents.event_id": json.loads(event)["id"],
        "taglock.outcomes": ("error",),
        "error.type": "HandOverFailed",
    }
    (line,) = [json.loads(record.message) for record in caplog.records if record.message.startswith("{")]
    assert (line["outcome"], line["event_id"]) == ("error", json.loads(event)["id"])


async def test_a_log_line_is_written_within_its_invocations_span(told: Told) -> None:
    seen = []

    class Correlated(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((json.loads(record.getMessage())["event_id"], get_current_span().get_span_context().span_id))

    handler, logger = Correlated(), logging.getLogger("taglock")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        event = told.local.push("1.4.2", plain("api"))
        await told.local.deliver(event)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert seen == [(json.loads(event)["id"], told.ear.invocation.context.span_id)]


async def test_events_that_are_handled_at_once_keep_their_requests_apart(told: Told) -> None:
    import asyncio

    events = [told.local.push(f"1.0.{number}", plain(f"image {number}")) for number in range(4)]
    await asyncio.gather(*(told.local.deliver(event) for event in events))
    invocations = [span for span in told.ear.spans.get_finished_spans() if span.name == "image_pushed"]
    assert len({span.context.trace_id for span in invocations}) == len(events)
    for each in invocations:
        below = [span.name for span in told.ear.requests if parent_of(span) == each.context.span_id]
        assert below.count("PATCH update tag") == below.count("PATCH update manifest") == 1
