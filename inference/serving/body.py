"""A request's body, read within limits of size and time."""

import asyncio

from aiohttp import web

from inference.serving.refusal import Refused

BODY_S = 30.0
"""How long a client may take to send a body."""


async def read_body(request: web.Request, max_bytes: int, within_s: float = BODY_S) -> bytes:
    """The whole body, decompressed where the client says that it is compressed.

    Raises Refused: it is larger (said before it is read, where the client gives its length), or did not come in time.
    """
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    content = request.content
    if content.is_eof():  # it came along with the header
        body = content.read_nowait()
    else:
        try:
            async with asyncio.timeout(within_s):
                body = await _read(request, max_bytes)
        except TimeoutError:
            raise Refused("slow", f"the body did not come within {within_s:g} s") from None
        except web.HTTPException:
            raise
        except ValueError as error:  # aiohttp's, of a body that is not as its encoding says
            raise Refused("invalid", f"the body can't be read: {error}") from None
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


async def _read(request: web.Request, max_bytes: int) -> bytes:
    pieces, size = [], 0
    while piece := await request.content.readany():
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(max_bytes: int) -> Refused:
    return Refused("too_large", f"the body is over {max_bytes} bytes")
