"""RTSP through HTTP, as Apple defined it and cameras serve it: a GET carries the answers, a POST the requests.

Both name the same ``x-sessioncookie``; what is posted is base64 (Apple, "Tunneling RTSP and RTP over HTTP").
"""

import asyncio
import binascii

from gateway.simulator.request import MAX_HEAD_BYTES, Refusal, Request

_MAX_TUNNELS = 256
GRANTED = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\nCache-Control: no-store\r\n\r\n"


class Tunnels:
    """The open tunnels of a server."""

    def __init__(self) -> None:
        self._readers: dict[str, asyncio.StreamReader] = {}

    def open(self, request: Request) -> asyncio.StreamReader:
        """For the GET: where its requests will come from. Raises ``Refusal``."""
        cookie = request.headers.get("x-sessioncookie")
        if not cookie or cookie in self._readers or len(self._readers) >= _MAX_TUNNELS:
            raise Refusal(400, close=True)
        self._readers[cookie] = asyncio.StreamReader(MAX_HEAD_BYTES)
        return self._readers[cookie]

    async def carry(self, request: Request, reader: asyncio.StreamReader) -> None:
        """For the POST: decode what comes until it ends, and the tunnel with it. Raises ``Refusal``."""
        requests = self._readers.get(request.headers.get("x-sessioncookie", ""))
        if requests is None:
            raise Refusal(404, close=True)
        try:
            while True:
                # Each request is padded by itself; four characters always stand for their own bytes.
                requests.feed_data(binascii.a2b_base64(await reader.readexactly(4)))
        except (binascii.Error, asyncio.IncompleteReadError):
            pass
        finally:
            requests.feed_eof()

    def close(self, reader: asyncio.StreamReader) -> None:
        """The GET has ended."""
        self._readers = {cookie: open_ for cookie, open_ in self._readers.items() if open_ is not reader}
