"""What the topic is sent, and what its refusals mean."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from taglock.adapters import event_publisher
from taglock.adapters.event_publisher import MAX_REQUEST_BYTES, TopicPublisher, open_publisher
from taglock.domain.outbound import OutboundEvent
from taglock.errors import InvalidConfiguration, PublishFailed
from tests.adapters.publisher.conftest import StaticCredential, Topic

PROJECT = Path(__file__).resolve().parents[3]


def event(name: str = "e1", **body: object) -> OutboundEvent:
    return OutboundEvent(
        id=name,
        type="Taglock.ReleaseLocked",
        source="/subscriptions/s/registries/contoso",
        subject="prod/api:1.4.2",
        time=datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC),
        body=body,
    )


def bodies(topic: Topic) -> list[list[dict[str, Any]]]:
    return [json.loads(body) for _, body in topic.seen]


async def test_a_batch_is_one_post_of_cloud_events(publisher: TopicPublisher, topic: Topic) -> None:
    await publisher.publish([event("e1", tag="1.4.2", locked=True), event("e2", note="gr\u00fc\u00df")])
    [(request, _)] = topic.seen
    assert request.method == "POST"
    assert request.headers["Content-Type"].startswith("application/cloudevents-batch+json")
    assert request.headers["Authorization"] == "Bearer a-token"
    assert request.query["api-version"] == "2018-01-01"
    [[first, second]] = bodies(topic)
    assert datetime.fromisoformat(first.pop("time")) == event().time
    assert first == {
        "specversion": "1.0",
        "id": "e1",
        "type": "Taglock.ReleaseLocked",
        "source": "/subscriptions/s/registries/contoso",
        "subject": "prod/api:1.4.2",
        "datacontenttype": "application/json",
        "data": {"tag": "1.4.2", "locked": True},
    }
    assert (second["id"], second["data"]) == ("e2", {"note": "gr\u00fc\u00df"})


async def test_a_time_with_an_offset_is_sent_as_the_same_moment(publisher: TopicPublisher, topic: Topic) -> None:
    offset = timezone(timedelta(hours=2))
    there = OutboundEvent(
        id="e", type="t", source="s", subject="x", time=datetime(2026, 3, 1, 14, 0, tzinfo=offset), body={}
    )
    await publisher.publish([there])
    [[sent]] = bodies(topic)
    assert datetime.fromisoformat(sent["time"]) == there.time


async def test_no_events_are_no_request(publisher: TopicPublisher, topic: Topic) -> None:
    await publisher.publish([])
    assert topic.seen == []


async def test_many_events_go_into_further_requests(publisher: TopicPublisher, topic: Topic) -> None:
    names = [f"e{index}" for index in range(5_001)]
    small = [OutboundEvent(id=name, type="t", source="s", subject="", time=event().time, body={}) for name in names]
    await publisher.publish(small)
    sent = bodies(topic)
    assert [each["id"] for request in sent for each in request] == names
    assert all(len(request) <= 5_000 for request in sent)
    assert all(len(body) <= MAX_REQUEST_BYTES for _, body in topic.seen)


async def test_events_beyond_the_size_limit_go_into_further_requests(publisher: TopicPublisher, topic: Topic) -> None:
    names = [f"e{index}" for index in range(25)]
    await publisher.publish([event(name, filler="\u00e9" * 15_000) for name in names])
    assert [each["id"] for request in bodies(topic) for each in request] == names
    assert len(topic.seen) == 3
    assert all(len(body) <= MAX_REQUEST_BYTES for _, body in topic.seen)


def test_requests_hold_at_most_five_thousand_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_publisher, "MAX_REQUEST_BYTES", 100_000_000)
    split = list(event_publisher.requests([event()] * 10_001))
    assert [len(request) for request in split] == [5_000, 5_000, 1]


@pytest.mark.parametrize("body", [{"filler": "x" * MAX_REQUEST_BYTES}, {"moment": object()}])
async def test_an_event_that_no_request_can_hold_is_final_and_nothing_is_sent(
    publisher: TopicPublisher, topic: Topic, body: dict[str, object]
) -> None:
    with pytest.raises(PublishFailed, match="'bad'") as caught:
        await publisher.publish([event("good"), event("bad", **body)])
    assert not caught.value.transient
    assert topic.seen == []


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *((status, True) for status in (401, 403, 404, 408, 429, 500, 502, 503, 504)),
        *((status, False) for status in (400, 409, 413, 415)),
    ],
)
async def test_a_refusal_is_asked_once_and_tells_whether_later_may_help(
    publisher: TopicPublisher, topic: Topic, status: int, transient: bool
) -> None:
    topic.status = status
    topic.headers = {"Retry-After": "0"}
    with pytest.raises(PublishFailed, match=f"status {status}|ResourceNotFound") as caught:
        await publisher.publish([event()])
    assert caught.value.transient is transient
    assert len(topic.seen) == 1


async def test_a_refused_request_is_followed_by_no_other(publisher: TopicPublisher, topic: Topic) -> None:
    topic.status, topic.refuse_after = 503, 1
    with pytest.raises(PublishFailed):
        await publisher.publish([event(filler="x" * 600_000) for _ in range(4)])
    assert len(topic.seen) == 2


async def test_a_publisher_works_again_after_a_failure(publisher: TopicPublisher, topic: Topic) -> None:
    topic.status = 500
    with pytest.raises(PublishFailed):
        await publisher.publish([event()])
    topic.status = 200
    await publisher.publish([event()])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(publisher: TopicPublisher, topic: Topic, endpoint: str, status: int) -> None:
    topic.status, topic.headers = status, {"Location": f"{endpoint}?elsewhere"}
    with pytest.raises(PublishFailed, match=f"status {status}"):
        await publisher.publish([event()])
    assert len(topic.seen) == 1


async def test_a_silent_topic_is_given_up(
    publisher: TopicPublisher, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_publisher, "TIMEOUT_SECONDS", 0.2)
    topic.silent = True
    with pytest.raises(PublishFailed, match="TimeoutError") as caught:
        await publisher.publish([event()])
    assert caught.value.transient


async def test_a_topic_that_cannot_be_reached_is_transient() -> None:
    closed = open_publisher("https://127.0.0.1:1/api/events", credential=StaticCredential())
    with pytest.raises(PublishFailed) as caught:
        await closed.publish([event()])
    assert caught.value.transient
    await closed.aclose()


async def test_a_certificate_of_an_unknown_authority_is_refused(endpoint: str, topic: Topic) -> None:
    stranger = open_publisher(endpoint, credential=StaticCredential())
    with pytest.raises(PublishFailed, match=r"(?i)certificate"):
        await stranger.publish([event()])
    assert topic.seen == []
    await stranger.aclose()


class FailingCredential(StaticCredential):
    async def get_token(self, *scopes: str, **_: Any) -> Any:
        raise RuntimeError("no identity endpoint")


async def test_a_credential_that_fails_is_transient(endpoint: str, topic: Topic) -> None:
    nobody = open_publisher(endpoint, credential=FailingCredential())
    with pytest.raises(PublishFailed, match="no identity endpoint") as caught:
        await nobody.publish([event()])
    assert caught.value.transient
    assert topic.seen == []
    await nobody.aclose()


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://topic.example/api/events",
        "topic.example/api/events",
        "https://",
        "https://user@topic.example/api/events",
        "https://topic.example/api/events?key=1",
        "https://topic.example:99999/",
        "https://[::1/",
    ],
)
def test_an_endpoint_that_is_no_plain_https_url_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidConfiguration, match="https"):
        open_publisher(endpoint, credential=StaticCredential())


PUBLISH = """
import asyncio, sys
from tests.adapters.publisher.conftest import StaticCredential
from tests.adapters.publisher.test_publisher import event
from taglock.adapters.event_publisher import open_publisher

async def main():
    publisher = open_publisher(sys.argv[1], credential=StaticCredential())
    await publisher.publish([event("from elsewhere")])
    await publisher.aclose()

asyncio.run(main())
"""


async def test_the_default_transport_trusts_ssl_cert_file_and_takes_no_proxy_from_the_environment(
    endpoint: str, topic: Topic, ca_file: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PUBLISH, endpoint),
        cwd=PROJECT,
        env=os.environ | {"SSL_CERT_FILE": str(ca_file), "HTTPS_PROXY": "http://127.0.0.1:1"},
        stderr=subprocess.PIPE,
    )
    _, errors = await child.communicate()
    assert child.returncode == 0, errors.decode()
    assert [[each["id"] for each in request] for request in bodies(topic)] == [["from elsewhere"]]
