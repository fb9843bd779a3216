"""The link between a site and its hub: a relay that can be cut and mended, or fall silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.free_ports import free_port


class Link:
    """Connections to `port` go on to 127.0.0.1:`far_port`, while it is whole."""

    def __init__(self, far_port: int) -> None:
        self.port = free_port()
        self.far_port = far_port
        self.tries = 0
        """Connections so far."""
        self.sent = bytearray()
        """What came from the site."""
        self._server: asyncio.Server | None = None
        self._whole = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._whole.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Connections end, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def silence(self) -> None:
        """Nothing passes, and nobody is told."""
        self._whole.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tries += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, far_writer, self.sent), self._pump(far_reader, writer, None))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()
                with suppress(OSError):
                    await each.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, noted: bytearray | None) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._whole.wait()
                if noted is not None:
                    noted += data
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def linked(far_port: int) -> AsyncIterator[Link]:
    link = Link(far_port)
    await link.mend()
    try:
        yield link
    finally:
        link._whole.set()
        await link.cut()
        for _ in range(20):  # the loop closes the transports that were aborted
            await asyncio.sleep(0)
