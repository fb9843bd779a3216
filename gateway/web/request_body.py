"""The body of a request as text, of any of the gateway's services: waited for, but not without end."""

import asyncio
from collections.abc import Container

from aiohttp import web

from gateway.web.problem import HttpProblem

_TIMEOUT_S = 10.0
"""Over a bad line too, 64 KiB need a fraction of it."""


async def read_text(request: web.Request, media_types: Container[str], refusal: HttpProblem) -> str:
    """The whole body, which is UTF-8 whatever the client says.

    Raises:
        HttpProblem: `refusal`, for a body of another media type; 408 if it doesn't come, 400 if it is no text.
        HTTPRequestEntityTooLarge: it is over what the server takes.
    """
    if request.content_type not in media_types:
        raise refusal
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return (await request.read()).decode()
    except TimeoutError:
        raise HttpProblem(408, f"the body did not come within {_TIMEOUT_S:g} s") from None
    except UnicodeDecodeError:
        raise HttpProblem(400, "the body is no UTF-8 text") from None
    except (ConnectionError, web.RequestPayloadError):  # also where it is compressed or chunked, and wrongly so
        raise HttpProblem(400, "the body did not come whole") from None
