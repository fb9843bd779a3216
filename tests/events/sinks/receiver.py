"""A receiver of webhooks that answers as the test wants, over plain sockets: also what no HTTP server would do."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answering = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def id(self) -> str:
        return str(self.event["id"])


def answer(status: int, **headers: str) -> Answering:
    """A whole answer."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def write(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} As asked\r\nContent-Length: 2\r\n{lines}\r\nok".encode())

    return write


async def dropped(request: Request, writer: asyncio.StreamWriter) -> None:
    """The connection ends in the middle of the answer's header."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()
    writer.transport.abort()


async def stalled(request: Request, writer: asyncio.StreamWriter) -> None:
    """No answer, ever."""
    await asyncio.Event().wait()


async def dripping(request: Request, writer: asyncio.StreamWriter) -> None:
    """An answer's header, a byte at a time, without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@dataclass
class Receiver:
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    """All that came whole, answered or not."""
    accepted: list[str] = field(default_factory=list)
    """Ids of the events whose answer was of the last resort: 202."""
    script: deque[Answering] = field(default_factory=deque)
    """The answers to the next requests ..."""
    otherwise: Answering = field(default_factory=lambda: answer(202))
    """... and to those after them."""
    sent_bytes: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/t0ken"

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.requests]


@asynccontextmanager
async def receiving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Listen while the body runs."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    request = await _read(reader)
                    receiver.requests.append(request)
                    answering = receiver.script.popleft() if receiver.script else receiver.otherwise
                    await answering(request, writer)
                    await writer.drain()
        except asyncio.CancelledError:
            pass  # the streams library would log it
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(first.split(" ")[1], headers, body)
