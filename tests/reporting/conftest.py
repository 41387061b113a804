"""A browser and a server for the pages, once for each file of tests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from taglock.reporting.policy import SERVING_HEADERS
from tests.reporting.browser import Page, open_page


@dataclass
class Served:
    """One page behind an address; `asked` are the paths that were asked for."""

    address: str = ""
    text: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Serve the page, whatever is asked for."""
        self.asked.append(request.path)
        return web.Response(body=self.text.encode(), headers=dict(SERVING_HEADERS))

    def hold(self, text: str) -> str:
        """Serve this page from now on and return its address."""
        self.text = text
        self.asked.clear()
        return self.address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    served = Served()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    served.address = f"http://127.0.0.1:{port}/api/report"
    yield served
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    async with asyncio.timeout(100), open_page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Page) -> Page:
    await browser.show(1280, 900)
    return browser
