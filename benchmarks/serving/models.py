"""The two models, and a picture.

`tiny` (64x64, under 0.1 ms) is made here: the server itself shows. `coco-detector` 1.0.0 (NanoDet, about 40 ms for a
picture of 4:3) is Vedette's own.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import simplejpeg
from onnx import TensorProto, helper, numpy_helper

from benchmarks.processes import ROOT

TINY_SIDE = 64
CLASSES = 10
_CARD = """\
name: tiny
task: classification
labels: [{labels}]
input: {{height: {side}, width: {side}, layout: NHWC, colour: BGR}}
batch: {{max: 8, max_delay_ms: 1}}
versions:
  1.0.0:
    sha256: {digest}
    origin: made by benchmarks/serving/models.py from random numbers
    licence: Apache-2.0
"""


@dataclass(frozen=True)
class ServedModel:
    """A model as every server is told of it."""

    name: str
    path: Path
    size: int
    """The input's longest side, pixels."""
    multiple: int
    """Both sides are multiples of it."""


NANODET = ServedModel("coco-detector", ROOT / "models" / "coco-detector" / "1.0.0" / "model.onnx", 416, 32)


def write_repository(folder: Path) -> ServedModel:
    """A repository of both models under `folder`, for Vedette; returns `tiny`."""
    shutil.copytree(NANODET.path.parent.parent, folder / NANODET.name)
    path = folder / "tiny" / "1.0.0" / "model.onnx"
    path.parent.mkdir(parents=True)
    graph = tiny().SerializeToString()
    path.write_bytes(graph)
    labels = ", ".join(f"class-{index}" for index in range(CLASSES))
    card = _CARD.format(labels=labels, side=TINY_SIDE, digest=hashlib.sha256(graph).hexdigest())
    (folder / "tiny" / "model.yaml").write_text(card)
    return ServedModel("tiny", path, TINY_SIDE, TINY_SIDE)


def tiny() -> onnx.ModelProto:
    """uint8 `images` [N, 64, 64, 3] to float `scores` [N, 10]: means, a convolution, a dense layer, softmax."""
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((random.normal(size=shape) / np.sqrt(np.prod(shape))).astype(np.float32), name)

    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "kernel"], ["features"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Relu", ["features"], ["active"]),
        helper.make_node("Flatten", ["active"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", TINY_SIDE, TINY_SIDE, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])],
        [weights("kernel", 8, 3, 3, 3), weights("dense", 72, CLASSES)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def picture() -> bytes:
    """A JPEG of the bundled scene, 480x480 (so that NanoDet's input is its full square), about 44 kB."""
    with av.open(str(ROOT / "media" / "pedestrians.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    height, width, _ = frame.shape
    square = frame[:, (width - height) // 2 : (width + height) // 2]
    return bytes(simplejpeg.encode_jpeg(cv2.resize(square, (480, 480), interpolation=cv2.INTER_AREA), 78, "BGR"))
