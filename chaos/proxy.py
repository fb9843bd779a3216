"""The network between a process and its server: a TCP proxy that can be cut, go dark, be slow, or flip bytes."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_CHUNK_BYTES = 16384


@dataclass
class Link:
    """What is wrong at the moment; all off: nothing."""

    refused: bool = False
    """New connections are closed at once."""
    dark: bool = False
    """What is sent does not arrive, and nobody is told: neither data, nor an end. It arrives when the light is back."""
    bytes_a_second: float | None = None
    delay_s: float = 0.0
    """One way."""
    flipped: float = 0.0
    """Share of chunks in which a byte is changed."""


class Proxy:
    """Forwards connections to `target` (a port on loopback) while it is open."""

    def __init__(self, target: int, seed: int) -> None:
        self.link = Link()
        self.port = 0
        self.connections = 0
        """Open now."""
        self._target = target
        self._random = random.Random(seed)  # noqa: S311 -- a fault, not a secret
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Proxy"]:
        """Listen on a free port while the body runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.link.refused:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        both = {writer, far_writer}
        self._writers |= both
        ways = [asyncio.create_task(self._forward(reader, far_writer)), asyncio.create_task(self._forward(far_reader, writer))]  # fmt: skip # noqa: E501
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in both:
                one.transport.abort()
            self._writers -= both
            self.connections -= 1

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                while self.link.dark:
                    await asyncio.sleep(0.05)
                if self.link.delay_s:
                    await asyncio.sleep(self.link.delay_s)
                if self.link.bytes_a_second:
                    await asyncio.sleep(len(data) / self.link.bytes_a_second)
                writer.write(self._damaged(data))
                await writer.drain()

    def _damaged(self, data: bytes) -> bytes:
        if self._random.random() >= self.link.flipped:
            return data
        changed = bytearray(data)
        changed[self._random.randrange(len(changed))] ^= 0xFF
        return bytes(changed)
