"""The parts of a multipart/form-data body that is here as a whole. RFC 7578, RFC 2046 5.1."""

import re
from typing import NamedTuple

from inference.serving.refusal import Refused

_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,70})\"|([^\s;,\"]{1,70}))", re.IGNORECASE)
_NAMES = re.compile(r"(?<![\w*])(name|filename)=(?:\"([^\"]*)\"|([^\s;\"]+))")
_MOST_HEADER_BYTES = 4096


class Part(NamedTuple):
    """One of them."""

    name: str
    filename: str
    """Empty where there is none."""
    data: bytes


def read_parts(content_type: str, body: bytes, most: int) -> list[Part]:
    """All parts, in order. Raises Refused: it is not as it should be, or there are more than `most`."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refused("invalid", "multipart/form-data needs a boundary in its Content-Type")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(delimiter, most + 2)
    if len(pieces) < 2:
        raise Refused("invalid", "the body does not have the boundary that its Content-Type says")
    parts: list[Part] = []
    for piece in pieces[1:]:  # what is before the first is a preamble
        if piece.startswith(b"--"):
            return parts
        if len(parts) == most:
            raise Refused("too_large", f"more than {most} parts in one request")
        parts.append(_part(piece))
    raise Refused("invalid", "the body ends before its last boundary")


def _part(piece: bytes) -> Part:
    line_end = piece.find(b"\r\n")
    if line_end < 0 or piece[:line_end].strip(b" \t"):
        raise Refused("invalid", "a boundary in the body does not end its line")
    header_end = piece.find(b"\r\n\r\n", line_end, line_end + _MOST_HEADER_BYTES)
    if header_end < 0:
        raise Refused("invalid", "a part of the body has no end of its header")
    header, data = piece[line_end:header_end].decode("utf-8", "replace"), piece[header_end + 4 :]
    names: dict[str, str] = {}
    for line in header.split("\r\n"):
        field, _, value = line.partition(":")
        kind = field.strip().lower()
        if kind == "content-disposition":
            names = {match[1]: match[2] or match[3] or "" for match in _NAMES.finditer(value)}
        elif kind == "content-encoding" or (kind == "content-transfer-encoding" and value.strip().lower() != "binary"):
            raise Refused("invalid", f"{field.strip()[:40]} is not for parts: send them as they are")
    return Part(names.get("name", ""), names.get("filename", ""), data)
