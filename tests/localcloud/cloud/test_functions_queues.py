import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from localcloud.functions.storage import FolderStorage
from tests.localcloud.cloud.hosting import START, Hosted, hosted
from tests.localcloud.cloud.waiting import until


async def order(sample: Hosted, body: str) -> int:
    async with sample.http.post(sample.url("/api/order"), data=body.encode()) as answer:
        return answer.status


async def test_output_message_reaches_the_queue_function_and_leaves_the_queue(sample: Hosted) -> None:
    assert await order(sample, "one tea") == 200
    (noted,) = await sample.wait_for_notes("ordered", 1)
    assert (noted["body"], noted["count"], noted["inserted"]) == ("one tea", 1, "2026-03-02 11:59:59.500000+00:00")
    await until(lambda: not sample.storage.messages("orders"))


async def test_json_array_becomes_a_message_per_item(sample: Hosted) -> None:
    await order(sample, json.dumps(["tea", {"drink": "milk"}]))
    noted = await sample.wait_for_notes("ordered", 2)
    assert {each["body"] for each in noted} == {"tea", '{"drink": "milk"}'}


async def test_blob_output_is_written_to_a_path_with_its_expressions_filled(sample: Hosted) -> None:
    await order(sample, "tea")
    (blob,) = (sample.notes.parent / "storage/blobs/receipts/2026").glob("*.txt")
    assert blob.read_text() == "received"


async def test_failing_message_is_repeated_and_then_poison(sample: Hosted) -> None:
    sample.fail_for("bad")
    await order(sample, "bad")
    await until(lambda: sample.storage.messages("orders-poison"))
    assert [each["count"] for each in sample.noted("ordered")] == [1, 2, 3]
    assert [each.body for each in sample.storage.messages("orders-poison")] == ["bad"]
    assert sample.storage.messages("orders") == []


async def test_at_most_a_batch_of_messages_runs_at_once(sample: Hosted) -> None:
    for number in range(7):
        await sample.storage.put_message("crowd", str(number), START)
    await sample.wait_for_notes("crowded", 4)
    sample.let_go()
    assert max(await sample.wait_for_notes("crowded", 7)) == 4
    await until(lambda: not sample.storage.messages("crowd"))


async def test_message_under_way_is_finished_when_the_host_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hosted(tmp_path, monkeypatch) as ending:
        await ending.storage.put_message("crowd", "1", START)
        await ending.wait_for_notes("crowded", 1)
        asyncio.get_running_loop().call_later(0.2, ending.let_go)
    assert ending.storage.messages("crowd") == []


async def test_output_that_cannot_be_written_fails_the_run(sample: Hosted) -> None:
    assert await order(sample, "x" * 70_000) == 500
    assert "65,536" in str(sample.host.runner.runs[-1].failure)
    assert sample.storage.messages("orders") == []


async def test_taken_message_is_hidden_for_the_lease_and_comes_back_after_it(sample_storage: FolderStorage) -> None:
    lease = timedelta(minutes=10)
    await sample_storage.put_message("q", "a", START)
    (first,) = await sample_storage.take_messages("q", 5, START, lease)
    assert await sample_storage.take_messages("q", 5, START + timedelta(minutes=9), lease) == []
    (second,) = await sample_storage.take_messages("q", 5, START + lease, lease)
    assert (first.id, first.dequeue_count, second.dequeue_count) == (second.id, 1, 2)


async def test_message_expires_after_seven_days(sample_storage: FolderStorage) -> None:
    await sample_storage.put_message("q", "a", START)
    assert await sample_storage.take_messages("q", 5, START + timedelta(days=7), timedelta(minutes=1)) == []
    assert sample_storage.messages("q") == []
