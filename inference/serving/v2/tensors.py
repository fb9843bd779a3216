"""Tensors as the protocol carries them, to NumPy and back. Sizes are checked before anything is allocated."""

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.serving.refusal import Refused
from inference.serving.v2.datatypes import DTYPES

MAX_RANK = 16
_LENGTH = struct.Struct("<I")
_NUMBERS: dict[str, frozenset[type]] = {"b": frozenset({bool}), "f": frozenset({int, float}), "O": frozenset({str})}
_INTEGERS = frozenset({int})


def from_binary(name: str, datatype: str, shape: tuple[int, ...], data: memoryview) -> NDArray[Any]:
    """The tensor whose elements lie one after the other in `data`, which is not copied but for strings.

    Raises Refused where the size is not that of the shape, or a string is none.
    """
    dtype, count = _dtype(name, datatype), math.prod(shape)
    if dtype.hasobject:
        return _strings(name, data, count).reshape(shape)
    if len(data) != count * dtype.itemsize:
        raise Refused("invalid", f"{name}: {datatype} {list(shape)} is {count * dtype.itemsize} bytes, not {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape)


def from_list(name: str, datatype: str, shape: tuple[int, ...], data: list[Any]) -> NDArray[Any]:
    """The tensor of JSON's nested or flat list, row by row. Raises Refused where it does not fit shape and datatype."""
    dtype, count = _dtype(name, datatype), math.prod(shape)
    flat = _flat(name, data, len(shape))
    if len(flat) != count:
        raise Refused("invalid", f"{name}: {list(shape)} is {count} elements, not {len(flat)}")
    if not _NUMBERS.get(dtype.kind, _INTEGERS).issuperset(map(type, flat)):
        raise Refused("invalid", f"{name}: data has elements that are no {datatype}")
    try:
        with np.errstate(over="raise"):
            return np.array(flat, dtype).reshape(shape)
    except (OverflowError, FloatingPointError):
        raise Refused("invalid", f"{name}: data has a number that is out of the range of {datatype}") from None


def to_binary(array: NDArray[Any]) -> memoryview | bytes:
    """The bytes of a tensor: itself where it lies in memory as it is sent."""
    if array.dtype.hasobject:
        items = [_encoded(item) for item in array.ravel()]
        return b"".join(chain.from_iterable((_LENGTH.pack(len(item)), item) for item in items))
    return np.ascontiguousarray(array).data


def to_list(array: NDArray[Any]) -> list[Any]:
    """The elements for JSON, flat. What JSON has no word for, infinity and NaN, is null."""
    if array.dtype.hasobject:
        return [_encoded(item).decode(errors="replace") for item in array.ravel()]
    flat: list[Any] = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [number if math.isfinite(number) else None for number in flat]
    return flat


def checked_shape(name: str, shape: Sequence[Any]) -> tuple[int, ...]:
    """A request's shape. Raises Refused."""
    if len(shape) > MAX_RANK:
        raise Refused("invalid", f"{name}: shape has more than {MAX_RANK} dimensions")
    for length in shape:
        if type(length) is not int or not 0 <= length < 1 << 63:
            raise Refused("invalid", f"{name}: shape has something other than lengths")
    if math.prod(length or 1 for length in shape) >= 1 << 63:  # with a 0 in it no count of elements would tell
        raise Refused("invalid", f"{name}: shape has more elements than there can be")
    return tuple(shape)


def strings_of(name: str, items: Sequence[bytes]) -> NDArray[Any]:
    """Strings as ONNX Runtime takes them. Raises Refused for what is not UTF-8."""
    array = np.empty(len(items), object)
    try:
        array[:] = [item.decode() for item in items]
    except UnicodeDecodeError:
        raise Refused("invalid", f"{name}: an element is no UTF-8, and the model takes strings") from None
    return array


def _dtype(name: str, datatype: str) -> np.dtype[Any]:
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise Refused("invalid", f"{name}: datatype {datatype[:32]!r} is none of {', '.join(DTYPES)}")
    return dtype


def _strings(name: str, data: memoryview, count: int) -> NDArray[Any]:
    """Each is its length in four bytes, little-endian, and itself."""
    if count > len(data) // _LENGTH.size:
        raise Refused("invalid", f"{name}: {len(data)} bytes are too few for {count} elements of BYTES")
    items, at = [], 0
    for _ in range(count):
        if at + _LENGTH.size > len(data):
            break
        begin = at + _LENGTH.size
        at = begin + _LENGTH.unpack_from(data, at)[0]
        items.append(bytes(data[begin:at]))
    if len(items) != count or at != len(data):
        raise Refused("invalid", f"{name}: the lengths of its elements don't add up to {len(data)} bytes")
    return strings_of(name, items)


def _flat(name: str, data: list[Any], rank: int) -> list[Any]:
    for _ in range(rank - 1):
        kinds = set(map(type, data))
        if list not in kinds:
            return data
        if kinds != {list}:
            raise Refused("invalid", f"{name}: data has lists beside elements")
        data = list(chain.from_iterable(data))
    return data


def _encoded(item: object) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode(errors="replace")
