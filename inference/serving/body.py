"""A request's body, read within limits of size and time."""

import asyncio

from aiohttp import web

from inference.serving.load import LOAD, UNLIMITED, Load
from inference.serving.refusal import Refused


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The whole body, decompressed where the client says that it is compressed.

    Raises Refused: it is larger (said before it is read, where the client gives its length), comes too slowly, or there
    is no room for it.
    """
    expected = request.content_length or 0
    if expected > max_bytes:
        raise _too_large(max_bytes)
    load = request.app.get(LOAD, UNLIMITED)
    load.expect(expected)
    content = request.content
    try:
        if content.is_eof():  # it came along with the header
            body = content.read_nowait()
            load.take(request, len(body))
        else:
            body = await _read(request, max_bytes, load)
    except TimeoutError:
        raise Refused("slow", "the body comes too slowly") from None
    except web.RequestPayloadError:  # its text is several lines, and may quote the body
        content.feed_eof()  # else aiohttp reads on after the answer, and logs the same error as a defect
        why = "the body is not as its Content-Encoding or Transfer-Encoding says"
        raise Refused("invalid", why, unread=True) from None
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


async def _read(request: web.Request, max_bytes: int, load: Load) -> bytes:
    pieces, size = [], 0
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(load.grace_s) as timer:
        while piece := await request.content.readany():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            load.take(request, len(piece))
            timer.reschedule(begun + load.grace_s + size / load.least_bytes_s)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(max_bytes: int) -> Refused:
    return Refused("too_large", f"the body is over {max_bytes} bytes")
