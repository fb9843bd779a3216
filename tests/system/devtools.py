"""A headless Chromium, driven through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.waiting import DEADLINE_S, until, until_async

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio")
_ANSWER_WITHIN_S = 60.0
_MOST_TABS = 60


class Page:
    """One page of the browser."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        """Exceptions, and what the console logged as errors (refused by the CSP, for one)."""
        self.unanswered: dict[str, str] = {}
        """URLs of requests that are under way."""
        self._socket = socket
        self._asked = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        """Take what the browser says, until it goes."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Network.requestWillBeSent":
                self.unanswered[said["params"]["requestId"]] = said["params"]["request"]["url"]
            elif said["method"] in ("Network.loadingFinished", "Network.loadingFailed"):
                self.unanswered.pop(said["params"]["requestId"], None)
            elif said["method"] == "Runtime.exceptionThrown":
                details = said["params"]["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description") or details["text"])
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                entry = said["params"]["entry"]
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    async def send(self, method: str, **params: object) -> Any:
        """A command; its result."""
        self._asked += 1
        answer = self._answers[self._asked] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._asked, "method": method, "params": params})
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            said = await answer
        assert "error" not in said, f"{method}: {said.get('error')}"
        return said["result"]

    async def go(self, url: str) -> None:
        await self.send("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression; a promise's."""
        result = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    async def text(self) -> str:
        return str(await self.run("document.body?.innerText ?? ''"))

    async def until(self, script: str, what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until an expression is true; one that fails, as it may while a page is loading, isn't."""
        holds = f"(() => {{ try {{ return Boolean({script}); }} catch {{ return false; }} }})()"
        try:
            await until_async(lambda: self.run(holds), what, deadline_s)
        except AssertionError:
            waits = f"errors: {self.errors}; unanswered: {list(self.unanswered.values())}"
            raise AssertionError(f"{what}; {waits}; the page says:\n{await self.text()}") from None

    async def until_says(self, text: str, deadline_s: float = DEADLINE_S) -> None:
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", f"the page says {text!r}", deadline_s)

    async def click(self, selector: str) -> None:
        """The middle of the first element that fits, once it is there, with a mouse."""
        await self.until(f"document.querySelector({json.dumps(selector)}) !== null", f"there is a {selector}")
        place = await self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]; }})(document.querySelector({json.dumps(selector)}))"
        )
        await self.click_at(*place)

    async def click_at(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, selector: str, text: str) -> None:
        """Into a field, as from a keyboard."""
        await self.click(selector)
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, shift: bool = False) -> None:
        """A key of the keyboard: `Tab`, `Enter`, `ArrowLeft`, …"""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38}[key]
        text = {"text": {"Enter": "\r", " ": " "}[key]} if key in ("Enter", " ") else {}
        pressed = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def tab_to(self, selector: str, back: bool = False) -> None:
        """With the Tab key only, until the element that fits has the focus, and can be seen to have it."""
        await self.until(f"document.querySelector({json.dumps(selector)}) !== null", f"there is a {selector}")
        passed = []
        for _ in range(_MOST_TABS):
            await self.press("Tab", shift=back)
            passed.append(str(await self.run("document.activeElement.outerHTML.slice(0, 80)")))
            if await self.run(f"document.activeElement.matches({json.dumps(selector)})"):
                assert await self.run("document.activeElement.matches(':focus-visible')"), f"{selector} looks as before"
                return
        raise AssertionError(f"{selector} can't be reached; passed: {passed}")

    async def resize(self, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        scale = 2 if phone else 1
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, file: Path) -> None:
        picture = await self.send("Page.captureScreenshot", format=file.suffix[1:].replace("jpg", "jpeg"))
        file.write_bytes(base64.b64decode(picture["data"]))


@contextlib.asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Page]:
    """A browser with one empty page."""
    arguments = (*FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank")
    process = await asyncio.create_subprocess_exec(
        "chromium", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    port_file = profile / "DevToolsActivePort"
    try:
        await until(lambda: port_file.is_file() and port_file.read_text().strip(), "Chromium says its port")
        port = port_file.read_text().split()[0]
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (target,) = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=2**26) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.send(f"{domain}.enable")
                try:
                    yield page
                finally:
                    listening.cancel()
                    await asyncio.wait((listening,))
    finally:
        process.terminate()
        await process.wait()
