"""A real browser, driven by the DevTools protocol over a websocket; what it does and says is recorded.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--remote-debugging-address=127.0.0.1",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # nothing that it asks for leaves this machine
)
LISTENING = re.compile(rb"DevTools listening on (ws://127\.0\.0\.1:\d+/\S+)")


class Page:
    """One tab. `requests` are the addresses that it asked for, `complaints` what its console said."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._socket, self._session = socket, session
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its answer."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": parameters, "sessionId": self._session})
        return await answer

    async def open(self, address: str) -> None:
        """Load a page and wait until it and all it contains is there."""
        self.requests.clear()
        self.complaints.clear()
        self._loaded.clear()
        await self.call("Page.navigate", url=address)
        await self._loaded.wait()

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def type_into(self, element_id: str, text: str) -> None:
        """Focus an element and type a text into it."""
        await self.evaluate(f"document.getElementById({element_id!r}).select()")
        await self.call("Input.insertText", text=text)

    async def show(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the size of the window in CSS pixels, and the colour scheme."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self, *, whole: bool) -> bytes:
        """Return a PNG of the window, or of the whole page."""
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def receive(self, message: dict[str, Any]) -> None:
        """Take one message of the browser."""
        if "id" in message:
            answer = self._answers.pop(message["id"])
            if "error" in message:
                answer.set_exception(AssertionError(message["error"]))
            else:
                answer.set_result(message["result"])
            return
        self._record(message["method"], message["params"])

    def end(self) -> None:
        """Fail what is still waited for: the browser has gone."""
        for answer in self._answers.values():
            answer.set_exception(AssertionError("the browser ended"))

    def _record(self, method: str, parameters: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(parameters["args"]))
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])


@asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    """Start a browser with an empty profile, open a tab in it, and end it."""
    async with (
        _browser(profile) as address,
        aiohttp.ClientSession() as session,
        session.ws_connect(address, max_msg_size=0) as socket,
    ):
        page = Page(socket, await _attach(socket))
        reading = asyncio.create_task(_read(socket, page))
        for domain in ("Page", "Network", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        yield page
        await socket.send_json({"id": 0, "method": "Browser.close"})
        await reading


async def _attach(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Open a tab and return the id of the session with it."""
    await socket.send_json({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}})
    target = (await _answer(socket, 1))["targetId"]
    attach = {"targetId": target, "flatten": True}
    await socket.send_json({"id": 2, "method": "Target.attachToTarget", "params": attach})
    return str((await _answer(socket, 2))["sessionId"])


async def _answer(socket: aiohttp.ClientWebSocketResponse, number: int) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = await socket.receive_json()
        if message.get("id") == number:
            result: dict[str, Any] = message["result"]
            return result


async def _read(socket: aiohttp.ClientWebSocketResponse, page: Page) -> None:
    async for message in socket:
        received = message.json()
        if "sessionId" in received:
            page.receive(received)
    page.end()


@asynccontextmanager
async def _browser(profile: Path) -> AsyncIterator[str]:
    """Yield the websocket's address of a running browser."""
    assert CHROMIUM is not None
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    running = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        *sandbox,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert running.stderr is not None
    draining = None
    try:
        address = await _listening(running.stderr)
        draining = asyncio.create_task(running.stderr.read())
        yield address
    finally:
        try:
            async with asyncio.timeout(10):
                await running.wait()
        except TimeoutError:
            running.kill()
            await running.wait()
        if draining is not None:
            await draining


async def _listening(errors: asyncio.StreamReader) -> str:
    said = []
    async for line in errors:
        if found := LISTENING.search(line):
            return found[1].decode()
        said.append(line)
    raise AssertionError(f"the browser did not start: {b''.join(said).decode(errors='replace')}")
