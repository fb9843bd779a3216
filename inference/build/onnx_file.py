"""An ONNX file, inspected before any runtime loads it, and refused with the reason if it is wrong or hostile.

Refused is what is no ONNX (https://github.com/onnx/onnx/blob/main/docs/IR.md) or is cut off, what needs more than the
file itself (data beside it, operators of others, functions), what is larger than a model for pictures can be, and what
the installed runtime is too old or too new for. Everything that is looked at is bounded before it is looked at.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from inference.build.wire import Malformed, walk
from inference.errors import ModelError

MAX_FILE_BYTES = 1 << 30
MAX_NODES = 50_000
"""Of all graphs of the file."""
MAX_GRAPH_DEPTH = 8
"""Of graphs in the branches and loops of graphs."""
MAX_RANK = 16
MAX_TENSOR_BYTES = 1 << 30
"""Of an input or output whose size the file states, and of a constant."""
IR_VERSIONS = range(3, 14)
OPSETS = range(7, 27)
"""Of the operators of ONNX itself; what ONNX Runtime 1.31 knows."""
DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
"""Of operators that every ONNX Runtime has built in."""
REFUSED_OPERATORS = {("com.microsoft", "EPContext"): "loads another file or compiled code"}

_GRAPH_FIELD = 7
_IR_VERSION_FIELD = 1


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


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What a sound file is."""

    where: str
    """The file, for messages."""
    sha256: str
    size_bytes: int
    ir_version: int
    opset: int
    producer: str
    nodes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    model: Any = field(repr=False)
    """The onnx.ModelProto."""
    data: bytes = field(repr=False)
    """The file's."""


class _Refusal(Exception):
    """Why not."""


def read_onnx(path: Path, sha256: str | None = None) -> OnnxFile:
    """Inspect a file. Raises ModelError, whose text names the file and the reason."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    return inspect(data, str(path), sha256)


def inspect(data: bytes, where: str, sha256: str | None = None) -> OnnxFile:
    """Inspect the bytes of a file, whose digest must be `sha256` if that is given. Raises ModelError."""
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ModelError(f"{where}: its sha256 is {digest}, not {sha256}")
    try:
        return _inspected(data, where, digest)
    except (_Refusal, Malformed) as reason:
        raise ModelError(f"{where}: {reason}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{where}: not valid ONNX: a name is no UTF-8") from None


def _inspected(data: bytes, where: str, digest: str) -> OnnxFile:
    if len(data) > MAX_FILE_BYTES:
        raise _Refusal(f"larger than {MAX_FILE_BYTES} bytes")
    if not data:
        raise _Refusal("empty")
    if not {_IR_VERSION_FIELD, _GRAPH_FIELD} <= walk(data, onnx.ModelProto.DESCRIPTOR):
        raise _Refusal("not ONNX: it has no graph or no IR version")
    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise _Refusal(f"not ONNX: {error}") from None
    opset = _require_versions(model)
    nodes = _require_bounded(model, len(data))
    _require_sound(model)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    return OnnxFile(
        where,
        digest,
        len(data),
        model.ir_version,
        opset,
        f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        nodes,
        tuple(_tensor(value) for value in graph.input if value.name not in constants),
        tuple(_tensor(value) for value in graph.output),
        {entry.key: entry.value for entry in model.metadata_props},
        model,
        data,
    )


def _require_versions(model: Any) -> int:
    """The opset of ONNX's own operators."""
    if model.ir_version not in IR_VERSIONS:
        raise _Refusal(f"IR version {model.ir_version}; known are {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}")
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            raise _Refusal(f"operators of {entry.domain!r}, which ONNX Runtime doesn't have")
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise _Refusal(f"two versions of the operators of {entry.domain or 'ai.onnx'}")
    if versions.get("") not in OPSETS:
        raise _Refusal(f"opset {versions.get('', 'missing')}; known are {OPSETS[0]} to {OPSETS[-1]}")
    if model.functions:
        raise _Refusal("functions of its own: export it with them inlined")
    if model.training_info:
        raise _Refusal("training information: export it for inference")
    return versions[""]


def _require_bounded(model: Any, size_bytes: int) -> int:
    """How many nodes there are."""
    count = 0
    for graph in _graphs(model.graph):
        count += len(graph.node)
        if count > MAX_NODES:
            raise _Refusal(f"more than {MAX_NODES} nodes")
        if graph.sparse_initializer:
            raise _Refusal("sparse constants")
        for tensor in _constants(graph):
            _require_own_data(tensor, size_bytes)
        for node in graph.node:
            if node.domain not in DOMAINS:
                raise _Refusal(f"the operator {node.op_type} of {node.domain!r}, which ONNX Runtime doesn't have")
            if (node.domain, node.op_type) in REFUSED_OPERATORS:
                raise _Refusal(f"the operator {node.op_type}: {REFUSED_OPERATORS[node.domain, node.op_type]}")
    return count


def _graphs(graph: Any, depth: int = 1) -> Iterator[Any]:
    """A graph and those in its branches and loops."""
    if depth > MAX_GRAPH_DEPTH:
        raise _Refusal(f"graphs nested deeper than {MAX_GRAPH_DEPTH}")
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(inner, depth + 1)


def _constants(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise _Refusal("sparse constants")
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _require_own_data(tensor: Any, size_bytes: int) -> None:
    """A constant's data is in the file, and as much as its dimensions say."""
    name = f"the constant {tensor.name!r}"
    if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
        raise _Refusal(f"the data of {name} is in another file: save the model as one file")
    if len(tensor.dims) > MAX_RANK or any(length < 0 for length in tensor.dims):
        raise _Refusal(f"{name} has the shape {list(tensor.dims)[:MAX_RANK]}")
    if tensor.data_type == TensorProto.STRING:
        stored = prod(tensor.dims) == len(tensor.string_data)
    else:
        bits = _BITS.get(tensor.data_type)
        if bits is None:
            raise _Refusal(f"{name} has the unknown type {tensor.data_type}")
        needed = (prod(tensor.dims) * bits + 7) // 8
        if tensor.HasField("raw_data"):
            stored = len(tensor.raw_data) == needed
        else:
            stored = needed <= min(size_bytes * 8, MAX_TENSOR_BYTES)  # a varint of a byte may stand for an int64
    if not stored:
        raise _Refusal(f"{name} has not as much data as its shape {list(tensor.dims)} needs")


def _require_sound(model: Any) -> None:
    """What the specification says of names, order, operators and their attributes."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise _Refusal(f"not valid ONNX: {' '.join(str(error).split())[:500]}") from None


def _tensor(value: Any) -> Tensor:
    if value.type.WhichOneof("value") != "tensor_type":
        raise _Refusal(f"{value.name!r} is no tensor")
    kind = value.type.tensor_type
    if kind.elem_type not in _BITS and kind.elem_type != TensorProto.STRING:
        raise _Refusal(f"{value.name!r} has the unknown type {kind.elem_type}")
    lengths = [_length(dimension) for dimension in kind.shape.dim]
    fixed = prod(length for length in lengths if isinstance(length, int))
    if len(lengths) > MAX_RANK or fixed * _BITS.get(kind.elem_type, 8) > MAX_TENSOR_BYTES * 8:
        raise _Refusal(f"{value.name!r} has the shape {lengths[:MAX_RANK]}, more than {MAX_TENSOR_BYTES} bytes")
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
