"""Tensors of an ONNX file: its inputs and outputs, and the constants in it."""

from dataclasses import dataclass
from math import prod
from typing import Any

from onnx import TensorProto

MAX_RANK = 16
MAX_TENSOR_BYTES = 1 << 30
"""Of an input or output whose size the file states, and of a constant."""


class Refusal(Exception):
    """Why a file is not let in."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph."""

    name: str
    dtype: str
    """As NumPy calls it, or `string`."""
    shape: tuple[int | str | None, ...] | None
    """A name or None where any length goes; None as a whole where the file doesn't say."""

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name} {self.dtype}, of unknown shape"
        lengths = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"{self.name} {self.dtype} [{lengths}]"


def require_own_data(tensor: Any, size_bytes: int) -> None:
    """A constant's data is in the file, and as much as its dimensions say. Raises Refusal."""
    name = f"the constant {tensor.name!r}"
    if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
        raise Refusal(f"the data of {name} is in another file: save the model as one file")
    if len(tensor.dims) > MAX_RANK or any(length < 0 for length in tensor.dims):
        raise Refusal(f"{name} has the shape {list(tensor.dims)[:MAX_RANK]}")
    if tensor.data_type == TensorProto.STRING:
        stored = prod(tensor.dims) == len(tensor.string_data)
    else:
        bits = _BITS.get(tensor.data_type)
        if bits is None:
            raise Refusal(f"{name} has the unknown type {tensor.data_type}")
        needed = (prod(tensor.dims) * bits + 7) // 8
        if tensor.HasField("raw_data"):
            stored = len(tensor.raw_data) == needed
        else:
            stored = needed <= min(size_bytes * 8, MAX_TENSOR_BYTES)  # a varint of a byte may stand for an int64
    if not stored:
        raise Refusal(f"{name} has not as much data as its shape {list(tensor.dims)} needs")


def described(value: Any) -> Tensor:
    """An input or output as the file declares it. Raises Refusal."""
    if value.type.WhichOneof("value") != "tensor_type":
        raise Refusal(f"{value.name!r} is no tensor")
    kind = value.type.tensor_type
    if kind.elem_type not in _BITS and kind.elem_type != TensorProto.STRING:
        raise Refusal(f"{value.name!r} has the unknown type {kind.elem_type}")
    lengths = [_length(dimension) for dimension in kind.shape.dim]
    fixed = prod(length for length in lengths if isinstance(length, int))
    if len(lengths) > MAX_RANK or fixed * _BITS.get(kind.elem_type, 8) > MAX_TENSOR_BYTES * 8:
        raise Refusal(f"{value.name!r} has the shape {lengths[:MAX_RANK]}, more than {MAX_TENSOR_BYTES} bytes")
    name = TensorProto.DataType.Name(kind.elem_type).lower()
    shape = tuple(lengths) if kind.HasField("shape") else None
    return Tensor(value.name, {"float": "float32", "double": "float64"}.get(name, name), shape)


def _length(dimension: Any) -> int | str | None:
    if dimension.WhichOneof("value") == "dim_value" and dimension.dim_value > 0:
        return int(dimension.dim_value)
    return dimension.dim_param or None


_BITS = {
    TensorProto.DataType.Value(name): bits
    for bits, names in {
        2: ("UINT2", "INT2"),
        4: ("UINT4", "INT4", "FLOAT4E2M1"),
        8: ("UINT8", "INT8", "BOOL", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0"),
        16: ("UINT16", "INT16", "FLOAT16", "BFLOAT16"),
        32: ("FLOAT", "INT32", "UINT32"),
        64: ("INT64", "DOUBLE", "UINT64", "COMPLEX64"),
        128: ("COMPLEX128",),
    }.items()
    for name in names
    if name in TensorProto.DataType.keys()  # noqa: SIM118  (an enumeration, not a mapping)
}
"""Of a number, by its type in ONNX."""
