"""The overview in a real browser, served as an app would serve it."""

import asyncio
from collections.abc import Callable

import pytest

from taglock.reporting.overview import overview_html
from tests.reporting import hostile, samples
from tests.reporting.browser import CHROMIUM, Page
from tests.reporting.conftest import Served
from tests.reporting.in_page import TEXTS, TOO_WIDE

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (Debian package chromium)"),
]

PHONE, DESK = (360, 800), (1280, 900)
LINKS = "[...document.querySelectorAll('a.report')].map((each) => each.href)"
SECONDS = 20


async def test_the_page_asks_for_nothing_else_and_the_console_stays_silent(page: Page, served: Served) -> None:
    await page.open(served.hold(overview_html(samples.overview())))
    assert [each for each in page.requests if each != "data:,"] == [served.address]
    assert page.complaints == []


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the server that is asked knows of no event
        await asyncio.sleep(0.05)


async def test_its_links_lead_to_the_reports_beside_it(page: Page, served: Served) -> None:
    await page.open(served.hold(overview_html(samples.overview())))
    assert f"{served.address}/contoso.azurecr.io" in await page.evaluate(LINKS)
    await page.evaluate("document.querySelector('a.report').click()")
    async with asyncio.timeout(SECONDS):
        await until(lambda: served.asked == ["/api/report", "/api/report/contoso.azurecr.io"])


async def test_a_key_in_the_address_is_taken_along_and_nothing_else(page: Page, served: Served) -> None:
    address = served.hold(overview_html(samples.overview()))
    await page.open(f"{address}?code=a%2Fb%3D&format=html")
    assert all(link.endswith(".azurecr.io?code=a%2Fb%3D") for link in await page.evaluate(LINKS))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=str)
async def test_every_text_can_be_read_and_nothing_is_wider_than_the_window(
    page: Page, served: Served, size: tuple[int, int], scheme: str
) -> None:
    await page.show(*size, scheme)
    await page.open(served.hold(overview_html(samples.overview())))
    texts = await page.evaluate(TEXTS)
    assert len(texts) > 60
    assert [each for each in texts if each["size"] < 14] == []
    assert [each for each in texts if each["contrast"] < 4.5] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert await page.evaluate(TOO_WIDE) == []


async def test_dark_mode_is_dark(page: Page, served: Served) -> None:
    colours = []
    for scheme in ("light", "dark"):
        await page.show(*PHONE, scheme)
        await page.open(served.hold(overview_html(samples.overview())))
        colours.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(244, 246, 249)", "rgb(16, 20, 27)"]


async def test_hostile_texts_are_inert(page: Page, served: Served) -> None:
    await page.open(served.hold(overview_html(samples.overview(samples.registry("x", problem=hostile.EVERYTHING)))))
    assert await page.evaluate("window.hurt === undefined") is True
    assert [each for each in page.requests if each != "data:,"] == [served.address]
    assert page.complaints == []
