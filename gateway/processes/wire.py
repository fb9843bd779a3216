"""Messages on a stream socket: two lengths, the message in JSON, and its one field of bytes as it is.

Any dataclass travels, with the dataclasses, enums, paths and sequences in it, so a new field needs nothing here. What
a decode process sends is data and can't become code: it decodes what strangers send.
"""

import json
import struct
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

M = TypeVar("M")

_LENGTHS = struct.Struct("<II")
_ROOM_BYTES = 256 * 1024
_LARGEST_BYTES = 64 * 1024 * 1024


class BrokenWire(Exception):
    """What came is none of the messages."""


def encode(message: object) -> bytes:
    """The message as it is sent."""
    blobs: list[bytes] = []
    text = json.dumps([type(message).__name__, message], default=partial(_plain, blobs)).encode()
    blob = blobs[0] if blobs else b""
    assert len(blobs) < 2, "one field of bytes a message"  # noqa: S101 -- a programming error
    return b"".join((_LENGTHS.pack(len(text), len(blob)), text, blob))


class Decoder(Generic[M]):
    """Messages out of the bytes of a socket, which are received into `room()`."""

    def __init__(self, kinds: object) -> None:
        """`kinds`: the union of the messages that may come."""
        self._kinds: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(kinds)}
        self._buffer = bytearray(2 * _ROOM_BYTES)
        self._begin = self._end = 0

    def room(self) -> memoryview:
        """Where the next bytes go."""
        if len(self._buffer) - self._end < _ROOM_BYTES:
            held = self._buffer[self._begin : self._end]
            if len(held) + _ROOM_BYTES > len(self._buffer):
                self._buffer = bytearray(2 * len(self._buffer))
            self._buffer[: len(held)] = held
            self._begin, self._end = 0, len(held)
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> Iterator[M]:
        """The messages that are whole now that `count` more bytes are in the room.

        Raises:
            BrokenWire: what came is no message.
        """
        self._end += count
        while self._end - self._begin >= _LENGTHS.size:
            text_bytes, blob_bytes = _LENGTHS.unpack_from(self._buffer, self._begin)
            if text_bytes + blob_bytes > _LARGEST_BYTES:
                raise BrokenWire(f"a message of {text_bytes + blob_bytes} bytes")
            text_at = self._begin + _LENGTHS.size
            blob_at, end = text_at + text_bytes, text_at + text_bytes + blob_bytes
            if end > self._end:
                break
            with memoryview(self._buffer) as buffer:
                message = self._message(bytes(buffer[text_at:blob_at]), bytes(buffer[blob_at:end]))
            self._begin = end
            yield message
        if self._begin == self._end:
            self._begin = self._end = 0

    def _message(self, text: bytes, blob: bytes) -> M:
        try:
            name, values = json.loads(text)
            message: M = _build(self._kinds[name], blob, values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BrokenWire(f"{type(error).__name__} in a message") from error
        return message


def _plain(blobs: list[bytes], value: Any) -> object:
    if isinstance(value, bytes):
        blobs.append(value)
        return None
    if isinstance(value, Path):
        return str(value)
    kind: type = type(value)
    return {name: getattr(value, name) for name in _names(kind)}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


Build = Callable[[bytes, Any], Any]


def _build(kind: type, blob: bytes, values: dict[str, Any]) -> Any:
    for name, build in _builds(kind).items():
        if name in values:
            values[name] = build(blob, values[name])
    return kind(**values)


@cache
def _builds(kind: type) -> dict[str, Build]:
    """How the fields that JSON doesn't give back as they were are made."""
    builds = {name: _build_of(hint) for name, hint in typing.get_type_hints(kind).items()}
    return {name: build for name, build in builds.items() if build is not None}


def _build_of(hint: Any) -> Build | None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is bytes:
        return lambda blob, value: blob
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_build, hint)
    if isinstance(hint, type) and issubclass(hint, Enum | Path):
        return lambda blob, value: hint(value)
    if origin in (typing.Union, types.UnionType):
        builds = [build for build in map(_build_of, arguments) if build is not None]
        if builds:
            return lambda blob, value: None if value is None else builds[0](blob, value)
    if origin in (tuple, Sequence):
        build = _build_of(arguments[0])
        return lambda blob, value: tuple(value) if build is None else tuple(build(blob, item) for item in value)
    return None
