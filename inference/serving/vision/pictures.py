"""The pictures of a request: one as the body, several as multipart/form-data, or JSON with base64 or URLs."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from inference.guard.jpeg import JPEG_SIGNATURE
from inference.guard.png import PNG_SIGNATURE
from inference.guard.webp import is_webp
from inference.serving.body import read_body
from inference.serving.refusal import Refused
from inference.serving.vision.multipart import read_parts

MOST_PICTURES = 64
"""In one request."""
_AT_ONCE_BYTES = 1 << 18
"""A larger JSON body is read in a thread."""

Fetch = Callable[[str], Awaitable[bytes]]
"""What a URL points to. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Given:
    """One picture of a request, or where it is to be had, or why it can't be."""

    data: bytes = b""
    url: str = ""
    refused: Refused | None = None
    name: str = ""
    """The file's, where the client says one."""

    async def bytes_of(self, fetch: Fetch | None) -> bytes:
        """Raises Refused."""
        if self.refused is not None:
            raise self.refused
        if not self.url:
            return _checked(self.data)
        if fetch is None:
            raise Refused("forbidden", "URLs are not fetched here (serving.urls)")
        return _checked(await fetch(self.url))


@dataclass(frozen=True, slots=True)
class Pictures:
    """All of one request."""

    given: Sequence[Given]
    several: bool
    """Whether the client reads a list, though it may be of one."""


async def read_pictures(request: web.Request, max_bytes: int) -> Pictures:
    """The request's. Its media type matters for multipart and JSON alone: what a picture is, its bytes say.

    Raises Refused.
    """
    body = await read_body(request, max_bytes)
    if not body:
        raise Refused("invalid", "the body is empty: send a JPEG, PNG or WebP")
    media = request.content_type
    if media == "multipart/form-data":
        parts = read_parts(request.headers["Content-Type"], body, MOST_PICTURES)
        if not parts:
            raise Refused("invalid", "there is no picture in the body")
        return Pictures([Given(part.data, name=part.filename or part.name) for part in parts], True)
    if media == "application/json":
        return await asyncio.to_thread(_from_json, body) if len(body) > _AT_ONCE_BYTES else _from_json(body)
    return Pictures([Given(_checked(body))], False)


def _checked(data: bytes) -> bytes:
    if data.startswith((JPEG_SIGNATURE, PNG_SIGNATURE)) or is_webp(data):
        return data
    raise Refused("unsupported", "neither JPEG, PNG nor WebP" if data else "the picture is empty")


def _from_json(body: bytes) -> Pictures:
    """`{"image": …}`, `{"url": …}`, or `{"images": […]}` of base64 texts or objects with `data` or `url`."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("invalid", "the body is not JSON") from None
    keys = sorted(asked) if isinstance(asked, dict) else []
    if keys == ["image"]:
        return Pictures([_entry(asked["image"])], False)
    if keys == ["url"]:
        return Pictures([_entry(asked)], False)
    if keys != ["images"] or not isinstance(asked["images"], list) or not asked["images"]:
        raise Refused("invalid", 'the body is an object with "image", "url" or "images": a list')
    if len(asked["images"]) > MOST_PICTURES:
        raise Refused("too_large", f"more than {MOST_PICTURES} pictures in one request")
    return Pictures([_entry(entry) for entry in asked["images"]], True)


def _entry(entry: Any) -> Given:
    if isinstance(entry, str):
        entry = {"data": entry}
    name = entry.get("name", "") if isinstance(entry, dict) else ""
    fitting = isinstance(entry, dict) and isinstance(name, str) and len(entry.keys() & {"data", "url"}) == 1
    if not fitting or entry.keys() - {"data", "url", "name"}:
        return Given(refused=Refused("invalid", 'a picture is base64, or an object with "data" or "url", and "name"'))
    if not isinstance(value := entry.get("data", entry.get("url")), str):
        return Given(refused=Refused("invalid", "data and url are texts"), name=name)
    if "url" in entry:
        return Given(url=value, name=name)
    try:
        return Given(base64.b64decode(_without_scheme(value), validate=True), name=name)
    except (binascii.Error, ValueError):
        return Given(refused=Refused("invalid", "the picture is not base64"), name=name)


def _without_scheme(text: str) -> str:
    """Of a `data:` URL, what follows its comma."""
    return text.partition(",")[2] if text.startswith("data:") else text
