"""NanoDet-g as published, in plain NumPy and one box at a time: what the fused graph is compared with.

Shares no code with the product. After RangiLyu/nanodet: `GFLHead.get_bboxes` and `multiclass_nms`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "models/build/weights/nanodet-g-416.onnx"
MEAN = np.array([103.53, 116.28, 123.675], np.float32)
DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)
OUTPUTS = {
    8: ("Identity:0", "Identity_3:0"),
    16: ("Identity_1:0", "Identity_4:0"),
    32: ("Identity_2:0", "Identity_5:0"),
}


@dataclass
class Box:
    corners: NDArray[np.float32]  # x1, y1, x2, y2
    score: float
    label: int


@cache
def pedestrians() -> list[NDArray[np.uint8]]:
    """Every fiftieth frame of the demo video, BGR, 576 x 768."""
    with av.open(str(ROOT / "media/pedestrians.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0) if frame.pts is not None]
    return [np.asarray(frame, np.uint8) for frame in frames[::50]]


def letterboxed(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """A frame as [height, 416, 3]: cut to 16:9 if that is what fits, padded with black below."""
    cut = frame[:432] if height == 256 else frame
    picture = cv2.resize(cut, (416, 416 * cut.shape[0] // cut.shape[1]))
    padded = np.zeros((height, 416, 3), np.uint8)
    padded[: picture.shape[0]] = picture
    return padded


@cache
def published_network() -> onnxruntime.InferenceSession:
    model = onnx.load(WEIGHTS)
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_param, sides[3].dim_param = "H", "W"  # the file says 416; its arithmetic does not need it
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def detect(image: NDArray[np.uint8], score: float, iou: float) -> list[Box]:
    """The 100 best detections of one BGR image [H, W, 3], by falling score."""
    normal = (image.astype(np.float32) - MEAN) / DEVIATION
    names = [name for pair in OUTPUTS.values() for name in pair]
    values = published_network().run(names, {"input_1:0": normal.transpose(2, 0, 1)[None]})
    found = dict(zip(names, values, strict=True))
    candidates: list[Box] = []
    for stride, (scores_name, sides_name) in OUTPUTS.items():
        candidates += _candidates(found[scores_name][0], found[sides_name][0], stride, image.shape, score)
    kept: list[Box] = []
    for box in sorted(candidates, key=lambda box: -box.score):
        if all(box.label != other.label or overlap(box.corners, other.corners) <= iou for other in kept):
            kept.append(box)
    return kept[:100]


def _candidates(
    scores: NDArray[np.float32], sides: NDArray[np.float32], stride: int, shape: tuple[int, ...], least: float
) -> list[Box]:
    """Every (cell, class) over the least score: scores [cells, 80], sides [cells, 44]."""
    height, width = shape[:2]
    columns = width // stride
    boxes = []
    for cell, label in np.argwhere(scores > least):
        distribution = np.exp(sides[cell].reshape(4, 11).astype(np.float64))
        distribution /= distribution.sum(1, keepdims=True)
        left, top, right, bottom = (distribution * np.arange(11)).sum(1) * stride
        x, y = (cell % columns + 0.5) * stride, (cell // columns + 0.5) * stride
        corners = np.array([max(x - left, 0), max(y - top, 0), min(x + right, width), min(y + bottom, height)])
        boxes.append(Box(corners.astype(np.float32), float(scores[cell, label]), int(label)))
    return boxes


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two x1, y1, x2, y2."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = float(width * height)
    return shared / float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
