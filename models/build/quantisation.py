"""The network of coco-detector in eight bits: static quantisation as QDQ, from ranges that are kept.

Ranges of activations are measured once (`calibration.py`) and committed: building needs neither pictures nor a run, so
the same weights and ranges give the same bytes on any machine.

What had to be done for it to be as good as the floats:

- what follows from constants alone becomes a constant (the file keeps weights as float16 behind a Cast), and paddings
  become those of the convolutions and of the pooling behind them: a Pad between QuantizeLinear and Conv is run by
  itself, and one with the least float as its value ruins a range;
- activations are uint8, weights int8 by channel, of seven bits (`reduce_range`): on a CPU without VNNI, products of
  eight bits are added up two and two in sixteen, and overflow;
- the convolutions whose outputs are split into scores and distributions over distances stay float, and all behind them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

Ranges = Mapping[str, tuple[float, float]]
QUANTISED = ("Conv", "LeakyRelu", "MaxPool", "Concat", "Add", "Resize")
"""Operators that take and give eight bits."""


def plain(model: Any) -> Any:
    """A copy that takes pictures of any size, without what follows from constants alone, and without Pad.

    Raises ValueError for a Pad that is not of a convolution or pooling.
    """
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    _fold(plain.graph)
    _absorb_pads(plain.graph)
    used = {name for node in plain.graph.node for name in node.input}
    kept = [tensor for tensor in plain.graph.initializer if tensor.name in used]
    kept = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del plain.graph.initializer[:], plain.graph.value_info[:]
    sides = plain.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_param, sides[3].dim_param = "H", "W"
    plain.graph.initializer.extend(kept)
    onnx.checker.check_model(plain)
    return plain


def quantised(network: Any, ranges: Ranges) -> Any:
    """`network` (see `plain`) with QuantizeLinear and DequantizeLinear wherever eight bits will do."""
    extremes = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantiser = QDQQuantizer(
        onnx.ModelProto.FromString(network.SerializeToString()),
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, extremes),
        nodes_to_quantize=[],  # any
        nodes_to_exclude=float_nodes(network),
        op_types_to_quantize=list(QUANTISED),
        extra_options={},
    )
    quantiser.quantize_model()
    quantiser.model.topological_sort()
    return quantiser.model.model


def float_nodes(network: Any) -> list[str]:
    """The names of the convolutions before the outputs."""
    ends = {node.input[0] for node in network.graph.node if node.op_type == "Split"}
    return [node.name for node in network.graph.node if node.op_type == "Conv" and node.output[0] in ends]


def measured_tensors(network: Any) -> list[str]:
    """Those whose ranges are needed: in and out of what is quantised."""
    kept_float = set(float_nodes(network))
    constants = {tensor.name for tensor in network.graph.initializer}
    nodes = [node for node in network.graph.node if node.op_type in QUANTISED and node.name not in kept_float]
    names = {name for node in nodes for name in (*node.input, *node.output) if name and name not in constants}
    return sorted(names)


def _fold(graph: Any) -> None:
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in list(graph.node):
        if all(name in constants for name in node.input):
            given = {name: constants[name] for name in node.input}
            for name, value in zip(node.output, ReferenceEvaluator(node).run(None, given), strict=True):
                constants[name] = np.asarray(value)
                graph.initializer.append(numpy_helper.from_array(constants[name], name))
            graph.node.remove(node)


def _absorb_pads(graph: Any) -> None:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        (taker,) = [node for node in graph.node if pad.output[0] in node.input]
        if taker.op_type not in ("Conv", "MaxPool"):
            raise ValueError(f"{pad.name} is before a {taker.op_type}")
        _set_pads(taker, numpy_helper.to_array(constants[pad.input[1]]).tolist())
        taker.input[list(taker.input).index(pad.output[0])] = pad.input[0]
        graph.node.remove(pad)


def _set_pads(node: Any, pads: Sequence[int]) -> None:
    """From those of all four axes to those of height and width."""
    if any(pads[axis] for axis in (0, 1, 4, 5)):
        raise ValueError(f"the Pad before {node.name} is not of height and width alone")
    kept = [attribute for attribute in node.attribute if attribute.name not in ("pads", "auto_pad")]
    before = [list(attribute.ints) for attribute in node.attribute if attribute.name == "pads"] or [[0, 0, 0, 0]]
    sides = [have + more for have, more in zip(before[0], (pads[2], pads[3], pads[6], pads[7]), strict=True)]
    kept = [onnx.AttributeProto.FromString(attribute.SerializeToString()) for attribute in kept]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute("pads", sides)])
