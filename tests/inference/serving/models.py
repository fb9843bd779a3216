"""Small models for tests of serving: each element as it came, strings, a shape of its own, colours as classes."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.repository.card import ModelCard
from inference.repository.model import Model, digest_of

KINDS = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "UINT16": TensorProto.UINT16,
    "INT64": TensorProto.INT64,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
}
"""Inputs of `echo`, `in_<datatype>`; its outputs are `out_<datatype>`."""


def echo(folder: Path) -> Model:
    """Takes [N, any] of each of `KINDS`, and gives the same."""
    inputs = [helper.make_tensor_value_info(f"in_{name}", kind, ["N", name]) for name, kind in KINDS.items()]
    outputs = [helper.make_tensor_value_info(f"out_{name}", kind, ["N", name]) for name, kind in KINDS.items()]
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in KINDS]
    return _written(folder, "echo", TENSORS, 8, helper.make_graph(nodes, "g", inputs, outputs))


def words(folder: Path) -> Model:
    """Takes strings [N, any], and gives the same."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["text"], ["same"])],
        "g",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N", "length"])],
        [helper.make_tensor_value_info("same", TensorProto.STRING, ["N", "length"])],
    )
    return _written(folder, "words", TENSORS, 8, graph)


def doubled(folder: Path, version: str = "1.0.0") -> Model:
    """Takes [2, 3] without a batch axis, and gives twice as much."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
    )
    return _written(folder, "doubled", TENSORS, 1, graph, version)


COLOURS: dict[str, Any] = {
    "task": "classification",
    "labels": ["blue", "green", "red"],
    "input": {"height": 4, "width": 4, "layout": "NHWC", "colour": "BGR"},
}
TENSORS: dict[str, Any] = {"task": "tensor"}


def colours(folder: Path) -> Model:
    """A classifier of [N, 4, 4, 3]: the mean of each channel, as `scores` [N, 3]."""
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["scores"], keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 4, 4, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])],
        [axes],
    )
    return _written(folder, "colours", COLOURS, 8, graph)


def _written(
    folder: Path, name: str, task: dict[str, Any], batch: int, graph: onnx.GraphProto, version: str = "1.0.0"
) -> Model:
    """The model, its file below `folder`."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    data = model.SerializeToString()
    path = folder / f"{name}-{version}.onnx"
    path.write_bytes(data)
    release = {"sha256": hashlib.sha256(data).hexdigest(), "origin": "made by a test", "licence": "Apache-2.0"}
    limits = {"max": batch, "max_delay_ms": 0}
    card = ModelCard.model_validate({"name": name, **task, "batch": limits, "versions": {version: release}})
    return Model(card, version, path, digest_of(card, version))
