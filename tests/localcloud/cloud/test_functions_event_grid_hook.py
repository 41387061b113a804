import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.localcloud.cloud.hosting import Hosted

EVENTS = Path(__file__).resolve().parents[3] / "../shared/events"
NOTIFICATION = {"aeg-event-type": "Notification"}


def event(number: int) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "topic": "/subscriptions/s",
        "subject": "a:1",
        "eventType": "Microsoft.ContainerRegistry.ImagePushed",
        "eventTime": "2026-01-01T00:00:00.1234567Z",
        "data": {"number": number},
        "dataVersion": "2.0",
        "metadataVersion": "1",
    }


async def post(sample: Hosted, url: str, body: object, headers: dict[str, str]) -> aiohttp.ClientResponse:
    async with sample.http.post(url, json=body, headers=headers) as answer:
        await answer.read()
        return answer


@pytest.mark.parametrize("key", ["", "wrong", "default"])
async def test_delivery_without_the_extensions_key_is_refused(sample: Hosted, key: str) -> None:
    given = sample.host.keys.default if key == "default" else key
    answer = await post(sample, sample.hook("text_event", key=given), [event(1)], NOTIFICATION)
    assert (answer.status, sample.noted("text_event")) == (401, [])


async def test_master_key_delivers_and_the_header_is_as_good_as_the_query(sample: Hosted) -> None:
    by_query = await post(sample, sample.hook("text_event", key=sample.host.keys.master), [event(1)], NOTIFICATION)
    url = sample.url("/runtime/webhooks/eventgrid?functionName=TEXT_EVENT")
    by_header = await post(sample, url, [event(2)], {**NOTIFICATION, "x-functions-key": sample.host.keys.eventgrid})
    assert (by_query.status, by_header.status) == (202, 202)
    assert {each["id"] for each in sample.noted("text_event")} == {"event-1", "event-2"}


@pytest.mark.parametrize("name", ["nobody", "", "anybody"])
async def test_unknown_missing_or_other_function_is_not_found(sample: Hosted, name: str) -> None:
    async with sample.http.post(sample.hook(name), json=[event(1)], headers=NOTIFICATION) as answer:
        assert (answer.status, await answer.text()) == (404, f"cannot find function: '{name}'")


async def test_abuse_protection_request_names_the_origin_as_allowed(sample: Hosted) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with sample.http.options(sample.hook("text_event"), headers=headers) as answer:
        assert (answer.status, answer.headers["Webhook-Allowed-Origin"]) == (200, "eventgrid.azure.net")


async def test_validation_event_is_answered_with_its_code(sample: Hosted) -> None:
    path = EVENTS / "eventgrid-subscription-validation.json"
    if not path.exists():
        pytest.skip("the shared event samples are not there")
    headers = {"aeg-event-type": "SubscriptionValidation"}
    async with sample.http.post(sample.hook("text_event"), data=path.read_bytes(), headers=headers) as answer:
        assert answer.status == 200
        assert await answer.json() == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}


@pytest.mark.parametrize(("kind", "status"), [("Unsubscribe", 202), ("Something", 400), ("", 400)])
async def test_other_event_types_run_nothing(sample: Hosted, kind: str, status: int) -> None:
    headers = {"aeg-event-type": kind} if kind else {}
    answer = await post(sample, sample.hook("text_event"), [event(1)], headers)
    assert (answer.status, sample.noted("text_event")) == (status, [])


async def test_single_object_is_delivered_like_an_array_of_one(sample: Hosted) -> None:
    answer = await post(sample, sample.hook("text_event"), event(7), NOTIFICATION)
    assert (answer.status, sample.noted("text_event")) == (202, [event(7)])


async def test_events_of_a_delivery_run_at_the_same_time(sample: Hosted) -> None:
    answer = await post(sample, sample.hook("meeting_event"), [event(1), event(2)], NOTIFICATION)
    assert (answer.status, len(sample.noted("meeting_event"))) == (202, 2)


async def test_one_failed_event_fails_the_delivery_after_all_ran(sample: Hosted) -> None:
    sample.fail_for("event-2")
    answer = await post(sample, sample.hook("text_event"), [event(1), event(2), event(3)], NOTIFICATION)
    assert (answer.status, len(sample.noted("text_event"))) == (500, 3)


async def test_event_with_specversion_reaches_a_typed_function_as_a_cloud_event(sample: Hosted) -> None:
    cloud = {"id": "c", "source": "/s", "type": "T", "specversion": "1.0", "time": "2026-01-01T00:00:00Z", "data": {}}
    await post(sample, sample.hook("typed_event"), [cloud], NOTIFICATION)
    await post(sample, sample.hook("typed_event"), [event(1)], NOTIFICATION)
    assert [each["kind"] for each in sample.noted("typed_event")] == ["CloudEvent", "EventGridEvent"]


async def test_time_with_an_offset_fails_a_typed_function_and_not_a_text_one(sample: Hosted) -> None:
    shifted = {**event(1), "eventTime": "2026-01-01T02:00:00+02:00"}
    typed = await post(sample, sample.hook("typed_event"), [shifted], NOTIFICATION)
    text = await post(sample, sample.hook("text_event"), [shifted], NOTIFICATION)
    assert (typed.status, text.status) == (500, 202)


async def test_without_enforced_keys_anybody_delivers(open_sample: Hosted) -> None:
    answer = await post(open_sample, open_sample.hook("text_event", key="any"), [event(1)], NOTIFICATION)
    assert answer.status == 202


async def test_delivery_that_is_not_json_is_refused(sample: Hosted) -> None:
    async with sample.http.post(sample.hook("text_event"), data=b"{", headers=NOTIFICATION) as answer:
        assert answer.status == 400
    async with sample.http.post(sample.hook("text_event"), data=json.dumps([1]), headers=NOTIFICATION) as answer:
        assert answer.status == 400
