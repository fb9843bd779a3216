"""An MQTT 5 broker that answers as the test wants, over plain sockets: also what no real one would do."""

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

SUCCESS, NOT_AUTHORIZED, TOPIC_INVALID, UNSUPPORTED_VERSION = 0x00, 0x87, 0x90, 0x84
NOTHING, GONE = -1, -2
"""No answer, ever; the connection ends instead of one."""
_CONNECT, _PUBLISH = 1, 3


@dataclass
class Broker:
    port: int = 0
    published: list[tuple[str, bytes]] = field(default_factory=list)
    """Topic and what is behind it: number, properties and payload."""
    versions: list[int] = field(default_factory=list)
    """Of each connection: 5, or 4 for MQTT 3.1.1."""
    connecting: deque[int] = field(default_factory=deque)
    """Reason codes to the next connections ..."""
    script: deque[int] = field(default_factory=deque)
    """... and to the next messages; 0 when there are no more."""
    largest_bytes: int | None = None
    """What it says that it takes."""

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _ in self.published]


@asynccontextmanager
async def answering(broker: Broker) -> AsyncIterator[Broker]:
    """Listen while the body runs."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    kind, body = await _read(reader)
                    if kind == _CONNECT:
                        broker.versions.append(body[6])
                    answer = _answer(broker, kind, body)
                    if answer is None:
                        return
                    writer.write(answer)
                    await writer.drain()
        except asyncio.CancelledError:
            pass  # the streams library would log it
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", broker.port)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def _answer(broker: Broker, kind: int, body: bytes) -> bytes | None:
    """None: go away."""
    if kind == _CONNECT:
        code = broker.connecting.popleft() if broker.connecting else SUCCESS
        if code == GONE:
            return None
        if broker.versions[-1] == 4:
            return bytes([0x20, 2, 0, code])
        most = b"" if broker.largest_bytes is None else b"\x27" + struct.pack("!I", broker.largest_bytes)
        return bytes([0x20, 3 + len(most), 0, code, len(most)]) + most
    if kind != _PUBLISH:
        return b""
    length = int.from_bytes(body[:2])
    broker.published.append((body[2 : 2 + length].decode(), body[2 + length :]))
    code = broker.script.popleft() if broker.script else SUCCESS
    if code == GONE:
        return None
    number = body[2 + length : 4 + length]
    if code == NOTHING:
        return b""
    return bytes([0x40, 2]) + number if broker.versions[-1] == 4 else bytes([0x40, 3]) + number + bytes([code])


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The kind of a packet, and what is behind its length (MQTT 5, section 2.1)."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return first >> 4, await reader.readexactly(length)
