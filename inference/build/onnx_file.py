"""An ONNX file, inspected before any runtime loads it, and refused with the reason if it is wrong or hostile.

Refused is what is no ONNX (https://github.com/onnx/onnx/blob/main/docs/IR.md) or is cut off, what needs more than the
file itself (data beside it, operators of others, functions), what is larger than a model for pictures can be, and what
the installed runtime is too old or too new for. Everything that is looked at is bounded before it is looked at.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from inference.build.onnx_tensors import Refusal, Tensor, described, require_own_data
from inference.build.wire import Malformed, walk
from inference.errors import ModelError

MAX_FILE_BYTES = 1 << 30
MAX_NODES = 50_000
"""Of all graphs of the file."""
MAX_GRAPH_DEPTH = 8
"""Of graphs in the branches and loops of graphs."""
IR_VERSIONS = range(3, 14)
OPSETS = range(7, 27)
"""Of the operators of ONNX itself; what ONNX Runtime 1.31 knows."""
DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
"""Of operators that every ONNX Runtime has built in."""
REFUSED_OPERATORS = {("com.microsoft", "EPContext"): "loads another file or compiled code"}

_GRAPH_FIELD = 7
_IR_VERSION_FIELD = 1


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
    except (Refusal, Malformed) as reason:
        raise ModelError(f"{where}: {reason}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{where}: not valid ONNX: a name is no UTF-8") from None


def _inspected(data: bytes, where: str, digest: str) -> OnnxFile:
    if len(data) > MAX_FILE_BYTES:
        raise Refusal(f"larger than {MAX_FILE_BYTES} bytes")
    if not data:
        raise Refusal("empty")
    if not {_IR_VERSION_FIELD, _GRAPH_FIELD} <= walk(data, onnx.ModelProto.DESCRIPTOR):
        raise Refusal("not ONNX: it has no graph or no IR version")
    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise Refusal(f"not ONNX: {error}") from None
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
        tuple(described(value) for value in graph.input if value.name not in constants),
        tuple(described(value) for value in graph.output),
        {entry.key: entry.value for entry in model.metadata_props},
        model,
        data,
    )


def _require_versions(model: Any) -> int:
    """The opset of ONNX's own operators."""
    if model.ir_version not in IR_VERSIONS:
        raise Refusal(f"IR version {model.ir_version}; known are {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}")
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            raise Refusal(f"operators of {entry.domain!r}, which ONNX Runtime doesn't have")
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise Refusal(f"two versions of the operators of {entry.domain or 'ai.onnx'}")
    if versions.get("") not in OPSETS:
        raise Refusal(f"opset {versions.get('', 'missing')}; known are {OPSETS[0]} to {OPSETS[-1]}")
    if model.functions:
        raise Refusal("functions of its own: export it with them inlined")
    if model.training_info:
        raise Refusal("training information: export it for inference")
    return versions[""]


def _require_bounded(model: Any, size_bytes: int) -> int:
    """How many nodes there are."""
    count = 0
    for graph in _graphs(model.graph):
        count += len(graph.node)
        if count > MAX_NODES:
            raise Refusal(f"more than {MAX_NODES} nodes")
        if graph.sparse_initializer:
            raise Refusal("sparse constants")
        for tensor in _constants(graph):
            require_own_data(tensor, size_bytes)
        for node in graph.node:
            if node.domain not in DOMAINS:
                raise Refusal(f"the operator {node.op_type} of {node.domain!r}, which ONNX Runtime doesn't have")
            if (node.domain, node.op_type) in REFUSED_OPERATORS:
                raise Refusal(f"the operator {node.op_type}: {REFUSED_OPERATORS[node.domain, node.op_type]}")
    return count


def _graphs(graph: Any, depth: int = 1) -> Iterator[Any]:
    """A graph and those in its branches and loops."""
    if depth > MAX_GRAPH_DEPTH:
        raise Refusal(f"graphs nested deeper than {MAX_GRAPH_DEPTH}")
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
                raise Refusal("sparse constants")
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _require_sound(model: Any) -> None:
    """What the specification says of names, order, operators and their attributes."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refusal(f"not valid ONNX: {' '.join(str(error).split())[:500]}") from None
