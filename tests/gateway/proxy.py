"""A TCP or UDP relay between a camera and its reader, that can hold, slow, lose or break what passes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.gateway.certificates import Certificate


class Relay:
    """What its connections share. `resume` is set while data passes."""

    def __init__(self) -> None:
        self.port = 0
        self.passing = asyncio.Event()
        self.passing.set()
        self.writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def stall(self) -> None:
        """Hold everything, as a radio link does: in the middle of a packet."""
        self.passing.clear()

    def resume(self) -> None:
        self.passing.set()

    def cut(self) -> None:
        """End all connections."""
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def relayed(port: int, certificate: Certificate | None = None) -> AsyncIterator[Relay]:
    """A relay to 127.0.0.1:`port`; with a certificate it speaks TLS to the client."""
    relay = Relay()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(16384):
                if not relay.passing.is_set():
                    writer.write(data[: len(data) // 2])
                    data = data[len(data) // 2 :]
                    await relay.passing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        relay.tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        both = {writer, far_writer}
        relay.writers |= both
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            relay.writers -= both
            for each in both:
                each.transport.abort()
                with suppress(OSError):
                    await each.wait_closed()

    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.pem, certificate.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.resume()
        relay.cut()
        await asyncio.gather(*relay.tasks, return_exceptions=True)
        for _ in range(20):  # connections whose handshake failed were never ours to close; the loop closes them
            await asyncio.sleep(0)
