"""The network of a raw file: what it takes, what it gives, and how it is cut out of the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import onnx
from onnx import version_converter

from inference.build.graph_text import IR_VERSION, OPSET
from inference.build.onnx_file import OnnxFile
from inference.build.onnx_tensors import Tensor
from inference.errors import ModelError
from inference.repository.card import ImageInput

SIZE_INPUT = "orig_target_sizes"
"""A second input of exported RT-DETR and D-FINE: width and height, in which the boxes come out."""


@dataclass(frozen=True, slots=True)
class RawInput:
    """How the network takes pictures."""

    name: str
    dtype: Literal["float32", "float16", "uint8"]
    planes: bool
    """NCHW; else NHWC."""
    batch: Literal["N", 1]
    height: int | None
    """None where any goes."""
    width: int | None
    asks_size: bool
    """Whether there is `SIZE_INPUT` too."""


def raw_input(file: OnnxFile) -> RawInput:
    """Raises ModelError for a network that takes anything but pictures."""
    pictures = [tensor for tensor in file.inputs if tensor.name != SIZE_INPUT]
    if len(pictures) != 1:
        names = ", ".join(str(tensor) for tensor in file.inputs) or "none"
        raise ModelError(f"{file.where}: its inputs are {names}; a network for pictures has one")
    (tensor,) = pictures
    shape = tensor.shape or ()
    planes = len(shape) == 4 and shape[1] == 3
    free = len(shape) == 4 and (shape[0] is None or isinstance(shape[0], str))
    if len(shape) != 4 or not (planes or shape[3] == 3) or not (free or shape[0] == 1):
        raise ModelError(f"{file.where}: its input is {tensor}, not [N, 3, H, W] or [N, H, W, 3] with N free or 1")
    if tensor.dtype not in ("float32", "float16", "uint8"):
        raise ModelError(f"{file.where}: its input is {tensor}; pictures are float32, float16 or uint8")
    height, width = shape[2:] if planes else shape[1:3]
    return RawInput(
        tensor.name,
        tensor.dtype,  # type: ignore[arg-type]
        planes,
        "N" if free else 1,
        height if isinstance(height, int) else None,
        width if isinstance(width, int) else None,
        len(file.inputs) == 2,
    )


class Network:
    """A copy of a file's graph that a head reads, and that is then cut."""

    def __init__(self, file: OnnxFile) -> None:
        """Raises ModelError for operators so old that they can't be brought to `OPSET`."""
        self.file = file
        self.input = raw_input(file)
        self.outputs = {tensor.name: tensor for tensor in file.outputs}
        self.model = _updated(file)
        self.versions = (max(file.ir_version, IR_VERSION), max(file.opset, OPSET))
        self._made_by = {name: node for node in self.model.graph.node for name in node.output}

    def columns(self, name: str) -> str | None:
        """The value of which the output `name` is the transpose of the last two axes, if it is one."""
        node = self._made_by.get(name)
        if node is None or node.op_type != "Transpose":
            return None
        swaps = [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"]
        return str(node.input[0]) if swaps == [[0, 2, 1]] else None

    def cut(self, spec: ImageInput, ends: Sequence[tuple[str, Tensor]]) -> tuple[Any, list[str]]:
        """What leads from the input to `ends`, as a model of its own, and the names of the ends there.

        Each end comes with the output whose values it has; it is made float32 or int64. Where `spec` has a free size,
        so has the model, whatever the file says.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        graph = model.graph
        if spec.size is not None:
            (value,) = (value for value in graph.input if value.name == self.input.name)
            lengths = value.type.tensor_type.shape.dim
            first = 2 if self.input.planes else 1
            lengths[first].dim_param, lengths[first + 1].dim_param = "H", "W"
        del graph.output[:], graph.value_info[:]
        names = []
        for name, tensor in ends:
            whole = tensor.dtype.startswith(("int", "uint"))
            kind, wanted = (onnx.TensorProto.INT64, "int64") if whole else (onnx.TensorProto.FLOAT, "float32")
            if tensor.dtype != wanted:
                name = _cast(graph, name, kind)
            names.append(name)
            rank = 2 if tensor.shape is None else len(tensor.shape)
            graph.output.append(onnx.helper.make_tensor_value_info(name, kind, [None] * rank))
        _drop_what_leads_nowhere(graph, names)
        del model.opset_import[:]
        domains = {node.domain for node in _all_nodes(graph)} - {"", "ai.onnx"}
        for domain in sorted(domains):
            version = next(entry.version for entry in self.model.opset_import if entry.domain == domain)
            model.opset_import.append(onnx.helper.make_opsetid(domain, version))
        model.opset_import.insert(0, onnx.helper.make_opsetid("", self.versions[1]))
        model.ir_version = self.versions[0]
        return model, names


def _updated(file: OnnxFile) -> Any:
    """The model without constants among its inputs, with operators that are not older than `OPSET`."""
    model = onnx.ModelProto()
    model.CopyFrom(file.model)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if file.opset >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        found = f"opset {file.opset} could not be brought to {OPSET} ({reason})"
        raise ModelError(f"{file.where}: {found}: export it with {OPSET} or later") from error


def _cast(graph: Any, name: str, kind: int) -> str:
    cast = f"{name}/cast"
    graph.node.append(onnx.helper.make_node("Cast", [name], [cast], to=kind))
    return cast


def _all_nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _all_nodes(inner)


def _drop_what_leads_nowhere(graph: Any, ends: Sequence[str]) -> None:
    """Nodes and constants that the ends don't need; the order of the others stays."""
    needed = set(ends)
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(name for inner in _with_inner(node) for name in inner.input)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    constants = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in constants]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(constants)


def _with_inner(node: Any) -> Iterator[Any]:
    yield node
    for attribute in node.attribute:
        for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            yield from _all_nodes(inner)
