"""A walk over the bytes of a protobuf message before it is parsed.

A parser makes objects of a hundred bytes from fields of two, so that a file of a megabyte can take a hundred. The walk
makes none: it counts, follows lengths and nesting (https://protobuf.dev/programming-guides/encoding/), and ends at the
first thing that is too much. What it lets pass parses in bounded memory; whether it is sound is the parser's to say.
"""

from functools import cache
from typing import Any, NamedTuple

MAX_FIELDS = 1_000_000
"""Of all messages in the file; a detector has 20,000. The walk takes two microseconds for each."""
MAX_DEPTH = 40
"""Of messages in messages: room for eight graphs in graphs."""
MAX_PACKED_BYTES = 64 << 20
"""Of numbers stored as varints, each of which becomes eight bytes of a byte."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(Exception):
    """The bytes are no such message, or too much of one; the text says which."""


class _Field(NamedTuple):
    message: Any
    """The descriptor of the message that it holds, or None."""
    packs: bool
    """Whether it may hold many varints in a row."""


def walk(data: bytes, descriptor: Any) -> frozenset[int]:
    """The numbers of the fields in the outermost message, whose type `descriptor` describes. Raises Malformed."""
    seen: set[int] = set()
    count = packed = 0
    open_messages = [(len(data), descriptor)]
    position = 0
    while open_messages:
        end, kind = open_messages[-1]
        if position == end:
            open_messages.pop()
            continue
        key, position = _varint(data, position, end)
        number, wire = key >> 3, key & 7
        if not number:
            raise Malformed("not ONNX")
        if len(open_messages) == 1:
            seen.add(number)
        count += 1
        if count > MAX_FIELDS:
            raise Malformed(f"more than {MAX_FIELDS} fields")
        if wire != _BYTES:
            position = _after_number(data, position, end, wire)
            continue
        length, position = _varint(data, position, end)
        if length > end - position:
            raise Malformed("cut off, or not ONNX: a field is longer than what is left")
        field = _fields(kind).get(number)
        if field is None or (field.message is None and not field.packs):
            position += length
        elif field.message is not None:
            open_messages.append((position + length, field.message))
            if len(open_messages) > MAX_DEPTH:
                raise Malformed(f"messages nested deeper than {MAX_DEPTH}")
        else:
            position += length
            packed += length
            if packed > MAX_PACKED_BYTES:
                raise Malformed(f"more than {MAX_PACKED_BYTES} bytes of numbers that are not stored as raw data")
    return frozenset(seen)


def _after_number(data: bytes, position: int, end: int, wire: int) -> int:
    if wire == _VARINT:
        return _varint(data, position, end)[1]
    if wire not in (_FIXED64, _FIXED32):
        raise Malformed("not ONNX")
    position += 8 if wire == _FIXED64 else 4
    if position > end:
        raise Malformed("cut off, or not ONNX: a number goes beyond its end")
    return position


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise Malformed("cut off, or not ONNX: a number goes beyond its end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Malformed("not ONNX: a number of more than ten bytes")


@cache
def _fields(descriptor: Any) -> dict[int, _Field]:
    return {field.number: _Field(field.message_type, field.type in _VARINT_TYPES) for field in descriptor.fields}


_VARINT_TYPES = {3, 4, 5, 8, 13, 14, 17, 18}
"""`FieldDescriptorProto.Type` of int64, uint64, int32, bool, uint32, enum, sint32 and sint64."""
