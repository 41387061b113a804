import pytest
from yarl import URL

from localcloud.functions.keys import AuthLevel, Keys
from tests.localcloud.cloud.hosting import Hosted


async def get(sample: Hosted, path: str, key: str | None = None) -> tuple[int, str]:
    headers = {"x-functions-key": key} if key is not None else {}
    async with sample.http.get(sample.url(path), headers=headers) as answer:
        return answer.status, await answer.text()


async def test_request_reaches_the_function_whole_and_its_answer_comes_back(sample: Hosted) -> None:
    url = sample.url(f"/api/echo/Word?a=1&code={sample.host.keys.default}")
    async with sample.http.post(url, data=b"content", headers={"X-Mixed-Case": "V"}) as answer:
        seen = await answer.json()
        assert (answer.status, answer.headers["x-answered"]) == (201, "yes")
    assert answer.content_type == "application/json"
    assert seen["method"] == "POST"
    assert seen["url"] == url
    assert seen["headers"]["x-mixed-case"] == "V"
    assert seen["params"] == {"a": "1", "code": sample.host.keys.default}
    assert seen["route_params"] == {"word": "Word"}
    assert (seen["body"], seen["body_type"]) == ("content", "bytes")


@pytest.mark.parametrize("path", ["/api/nothing", "/echo/word", "/", "/api/echo", "/api/echo/a/b", "/api/switched-off"])
async def test_unknown_path_is_not_found(sample: Hosted, path: str) -> None:
    assert (await get(sample, path, sample.host.keys.master))[0] == 404


async def test_wrong_method_is_not_found(sample: Hosted) -> None:
    async with sample.http.put(sample.url(f"/api/echo/a?code={sample.host.keys.default}")) as answer:
        assert answer.status == 404


async def test_encoded_slash_stays_in_its_part_of_the_path(sample: Hosted) -> None:
    url = URL(sample.url(f"/api/echo/a%2fb%20c?code={sample.host.keys.default}"), encoded=True)
    async with sample.http.get(url) as answer:
        assert (await answer.json())["route_params"] == {"word": "a%2Fb c"}


async def test_routes_ignore_case(sample: Hosted) -> None:
    assert await get(sample, "/API/Open") == (200, "open to all")


def test_which_key_opens_which_level() -> None:
    keys = Keys().with_functions(["echo", "other"])
    presented = {
        "none": None,
        "wrong": "x",
        "own": keys.functions["echo"],
        "other": keys.functions["other"],
        "host": keys.default,
        "eventgrid": keys.eventgrid,
        "master": keys.master,
    }
    opened = {
        name: tuple(keys.opens_http(key, "echo", level) for level in AuthLevel) for name, key in presented.items()
    }
    closed, function, everything = (True, False, False), (True, True, False), (True, True, True)
    assert opened == {
        "none": closed,
        "wrong": closed,
        "own": function,
        "other": closed,
        "host": function,
        "eventgrid": closed,
        "master": everything,
    }


async def test_request_without_a_good_key_gets_an_empty_401(sample: Hosted) -> None:
    assert await get(sample, "/api/echo/a") == (401, "")
    assert await get(sample, "/api/echo/a?code=wrong") == (401, "")
    assert await get(sample, "/api/closed", sample.host.keys.default) == (401, "")
    assert await get(sample, "/api/closed", sample.host.keys.master) == (200, "for administrators")


async def test_header_key_is_looked_at_before_the_query(sample: Hosted) -> None:
    path = f"/api/echo/a?code={sample.host.keys.default}"
    assert (await get(sample, path, "wrong"))[0] == 401


async def test_without_enforced_keys_every_level_is_open(open_sample: Hosted) -> None:
    assert await get(open_sample, "/api/closed") == (200, "for administrators")


async def test_exception_is_an_empty_500_and_is_recorded(sample: Hosted) -> None:
    assert await get(sample, "/api/raise") == (500, "")
    assert sample.host.runner.runs[-1].failure == "RuntimeError: this one always fails"


async def test_synchronous_function_runs_with_its_context(sample: Hosted) -> None:
    assert await get(sample, "/api/sync") == (200, "synchronous")


@pytest.mark.parametrize("path", ["/api/nothing-returned", "/api/nothing-annotated"])
async def test_function_that_returns_nothing_is_refused_by_the_worker(sample: Hosted, path: str) -> None:
    assert await get(sample, path) == (500, "")
    assert "NoneType" in str(sample.host.runner.runs[-1].failure)
