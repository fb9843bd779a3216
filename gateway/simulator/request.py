"""RTSP 1.0 messages on the wire (RFC 2326, 4 to 7), read with bounds on everything a client sends."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 8 << 10
MAX_BODY_BYTES = 64 << 10

_OWN_REASONS = {
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    505: "RTSP Version Not Supported",
}


class Refusal(Exception):
    """A request is answered with an error status (RFC 2326, 7.1.1); ``close`` when no more can be read after it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, close: bool = False) -> None:
        super().__init__(f"{status} {reason(status)}")
        self.status = status
        self.headers = headers or {}
        self.close = close


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    url: str
    version: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path of the URL without slashes at its ends."""
        try:
            return urlsplit(self.url).path.strip("/")
        except ValueError:
            raise Refusal(400) from None

    @property
    def session(self) -> str | None:
        """The session id, without its parameters (RFC 2326, 12.37)."""
        value = self.headers.get("session")
        return value and value.partition(";")[0].strip()

    @property
    def cseq(self) -> str:
        """The sequence number to be repeated in the answer (RFC 2326, 12.17)."""
        value = self.headers.get("cseq", "")
        if not (value.isascii() and value.isdigit() and len(value) <= 10):
            raise Refusal(400)
        return value


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self, cseq: str | None) -> bytes:
        """The bytes for the wire."""
        lines = [f"RTSP/1.0 {self.status} {reason(self.status)}"]
        lines += [f"CSeq: {cseq}"] if cseq is not None else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}"] if self.body else []
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def reason(status: int) -> str:
    """The reason phrase of a status."""
    return _OWN_REASONS.get(status) or HTTPStatus(status).phrase


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request; what comes before it as embedded binary data (the client's RTCP) is thrown away.

    Raises ``Refusal`` for what is no request or is too big, ``EOFError`` (``IncompleteReadError``) at the end.
    """
    first = await reader.readexactly(1)
    while first in b"$\r\n":
        if first == b"$":
            await reader.readexactly(int.from_bytes((await reader.readexactly(3))[1:], "big"))
        first = await reader.readexactly(1)
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refusal(413, close=True) from None
    request = _parse(head)
    if request.version.startswith("HTTP/"):
        return request  # a tunnel's POST has a body without end
    await _discard_body(reader, request.headers.get("content-length", "0"))
    return request


def _parse(head: bytes) -> Request:
    start, *lines = head.decode("utf-8", "replace").split("\r\n")
    match start.split(" "):
        case [method, url, version] if version.startswith(("RTSP/", "HTTP/1.")):
            fields = (line.partition(":") for line in lines if line)
            headers = {name.strip().lower(): value.strip() for name, _, value in fields}
            return Request(method, url, version, headers)
    raise Refusal(400, close=True)


async def _discard_body(reader: asyncio.StreamReader, length: str) -> None:
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, close=True)
    if len(length) > 6 or int(length) > MAX_BODY_BYTES:
        raise Refusal(413, close=True)
    await reader.readexactly(int(length))
