"""Small networks whose raw outputs are known: a picture's first byte says which of several sets it gets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def network(
    outputs: Mapping[str, Array],
    *,
    height: int | str = 64,
    width: int | str = 64,
    batch: int | str = "N",
    dtype: str = "float32",
    planes: bool = True,
    image: str = "input",
    opset: int = 17,
    also: Sequence[Any] = (),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A file with one input [N, 3, H, W] (or [N, H, W, 3]) and the given outputs [sets, …], of which each picture gets
    the set that its first value names, rounded down and modulo their number."""
    shape = [batch, 3, height, width] if planes else [batch, height, width, 3]
    nodes = [
        helper.make_node("Cast", [image], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["as_float"], ["in_line"], axis=1),
        helper.make_node("Gather", ["in_line", "place"], ["first"], axis=1),
        helper.make_node("Cast", ["first"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mod", ["whole", "how many"], ["which"]),
    ]
    count = min(len(sets) for sets in outputs.values())
    constants = [
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in (("place", 0), ("how many", count))
    ]
    values = []
    for name, sets in outputs.items():
        constants.append(numpy_helper.from_array(sets, f"sets of {name}"))
        nodes.append(helper.make_node("Gather", [f"sets of {name}", "which"], [name], axis=0))
        kind = helper.np_dtype_to_tensor_dtype(sets.dtype)
        values.append(helper.make_tensor_value_info(name, kind, [batch, *sets.shape[1:]]))
    inputs = [helper.make_tensor_value_info(image, _TYPES[dtype], shape), *also]
    graph = helper.make_graph(nodes, "known", inputs, values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    for key, text in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def pictures(which: Sequence[int], height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    """A batch of pictures that get these sets."""
    images = np.random.default_rng(3).integers(0, 256, (len(which), height, width, 3), np.uint8)
    images[:, 0, 0, 0] = which
    return images
