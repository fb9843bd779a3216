"""The published decodings in plain NumPy, one candidate at a time. Shares no code with the product.

Each function takes the raw outputs of one picture and gives every candidate over the least score; `detections` makes of
them what the graph is to give.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.inference.nanodet_reference import overlap

Array = NDArray[Any]
Raw = Mapping[str, Array]
SIDE = 64
SCORE = 0.3
IOU = 0.5


@dataclass
class Candidate:
    corners: NDArray[np.float32]
    score: float
    label: int
    points: list[float] = field(default_factory=list)


def detections(candidates: Iterator[Candidate], suppress: bool) -> list[Candidate]:
    """Clipped, without overlaps of one label, the 100 best by falling score."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda candidate: -candidate.score):
        if candidate.score <= SCORE:
            continue
        candidate.corners = np.clip(candidate.corners, 0, SIDE).astype(np.float32)
        if not suppress or all(
            candidate.label != other.label or overlap(candidate.corners, other.corners) <= IOU for other in kept
        ):
            kept.append(candidate)
    return kept[:100]


def cells(strides: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """(column, row, stride) in the order of the outputs."""
    for stride in strides:
        for row in range(-(-SIDE // stride)):
            for column in range(-(-SIDE // stride)):
                yield column, row, stride


def by_middle(x: float, y: float, w: float, h: float) -> NDArray[np.float32]:
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], np.float32)


def yolov5(raw: Raw) -> Iterator[Candidate]:
    # ultralytics/yolov5 utils/general.py: x[:, 5:] *= x[:, 4:5]; conf, j = x[:, 5:].max(1)
    for x, y, w, h, sure, *classes in raw["output0"]:
        label = int(np.argmax(classes))
        yield Candidate(by_middle(x, y, w, h), float(sure * classes[label]), label)


def yolov8(raw: Raw) -> Iterator[Candidate]:
    # ultralytics/ultralytics utils/nms.py: prediction.transpose(-1, -2); conf, j = cls.max(1)
    for x, y, w, h, *classes in raw["output0"].T:
        label = int(np.argmax(classes))
        yield Candidate(by_middle(x, y, w, h), float(classes[label]), label)


def yolox(raw: Raw) -> Iterator[Candidate]:
    # YOLOX demo_postprocess: outputs[..., :2] = (outputs[..., :2] + grids) * strides; [2:4] = exp(…) * strides
    for (column, row, stride), (x, y, w, h, sure, *classes) in zip(cells((8, 16, 32)), raw["output"], strict=True):
        box = by_middle((x + column) * stride, (y + row) * stride, np.exp(w) * stride, np.exp(h) * stride)
        label = int(np.argmax(classes))
        yield Candidate(box, float(sure * classes[label]), label)


def end_to_end(raw: Raw) -> Iterator[Candidate]:
    for x1, y1, x2, y2, score, label in raw["output0"]:
        yield Candidate(np.array([x1, y1, x2, y2], np.float32), float(score), int(label))


def end_to_end_apart(raw: Raw) -> Iterator[Candidate]:
    # TensorFlow's detection API: ymin, xmin, ymax, xmax as shares, labels from 1
    rows = zip(raw["detection_boxes"], raw["detection_scores"], raw["detection_classes"], strict=True)
    for (y1, x1, y2, x2), score, label in rows:
        yield Candidate(np.array([x1, y1, x2, y2], np.float32) * SIDE, float(score), int(label) - 1)


def rtdetr(raw: Raw) -> Iterator[Candidate]:
    # RTDETRPostProcessor: scores = sigmoid(logits), topk over flattened queries and classes; boxes cxcywh shares
    for logits, (x, y, w, h) in zip(raw["pred_logits"], raw["pred_boxes"], strict=True):
        for label, logit in enumerate(logits):
            yield Candidate(by_middle(x, y, w, h) * SIDE, float(1 / (1 + np.exp(-logit))), label)


def rtdetr_in_one(raw: Raw) -> Iterator[Candidate]:
    for x, y, w, h, *classes in raw["output0"]:
        for label, score in enumerate(classes):
            yield Candidate(by_middle(x, y, w, h) * SIDE, float(score), label)


def detr(raw: Raw) -> Iterator[Candidate]:
    # detr PostProcess: prob = softmax(logits, -1); scores, labels = prob[..., :-1].max(-1)
    for logits, (x, y, w, h) in zip(raw["pred_logits"], raw["pred_boxes"], strict=True):
        odds = np.exp(logits.astype(float))
        odds /= odds.sum()
        label = int(np.argmax(odds[:-1]))
        yield Candidate(by_middle(x, y, w, h) * SIDE, float(odds[label]), label)


def _sides(distribution: Array, bins: int) -> Array:
    shares = np.exp(distribution.reshape(4, bins).astype(float))
    shares /= shares.sum(1, keepdims=True)
    return np.asarray((shares * np.arange(bins)).sum(1))


def nanodet(raw: Raw) -> Iterator[Candidate]:
    # GFLHead.get_bboxes: centres at (i + 0.5) * stride, distance2bbox; every class over the threshold
    classes = np.concatenate([raw[f"cls_{stride}"] for stride in (8, 16, 32)])
    sides = np.concatenate([raw[f"dis_{stride}"] for stride in (8, 16, 32)])
    for (column, row, stride), scores, distribution in zip(cells((8, 16, 32)), classes, sides, strict=True):
        left, top, right, bottom = _sides(distribution, 8) * stride
        x, y = (column + 0.5) * stride, (row + 0.5) * stride
        box = np.array([x - left, y - top, x + right, y + bottom], np.float32)
        for label, score in enumerate(scores):
            yield Candidate(box.copy(), float(score), label)


def nanodet_plus(raw: Raw) -> Iterator[Candidate]:
    # NanoDetPlusHead.get_single_level_center_priors: centres at i * stride, ceil(side / stride) cells
    for (column, row, stride), values in zip(cells((8, 16, 32, 64)), raw["output"], strict=True):
        left, top, right, bottom = _sides(values[3:], 8) * stride
        box = np.array(
            [column * stride - left, row * stride - top, column * stride + right, row * stride + bottom], np.float32
        )
        for label, score in enumerate(values[:3]):
            yield Candidate(box.copy(), float(score), label)


def ssd_corners(raw: Raw) -> Iterator[Candidate]:
    for scores, corners in zip(raw["scores"], raw["boxes"], strict=True):
        for label, score in enumerate(scores[1:]):
            yield Candidate(corners * SIDE, float(score), label)


def ssd_priors() -> Iterator[tuple[float, float, float, float]]:
    # ssd.pytorch PriorBox.forward with feature_maps [2, 1], steps [32, 64], min_sizes [20, 40], max_sizes [40, 60],
    # aspect_ratios [[2], []], clip
    for count, step, least, most, ratios in ((2, 32, 20, 40, (2,)), (1, 64, 40, 60, ())):
        f_k = SIDE / step
        for i in range(count):
            for j in range(count):
                cx, cy = (j + 0.5) / f_k, (i + 0.5) / f_k
                s_k = least / SIDE
                yield cx, cy, s_k, s_k
                s_k_prime = np.sqrt(s_k * (most / SIDE))
                yield cx, cy, s_k_prime, s_k_prime
                for ratio in ratios:
                    yield cx, cy, s_k * np.sqrt(ratio), s_k / np.sqrt(ratio)
                    yield cx, cy, s_k / np.sqrt(ratio), s_k * np.sqrt(ratio)


def ssd_offsets(raw: Raw) -> Iterator[Candidate]:
    # ssd.pytorch box_utils.decode with variances (0.1, 0.2); softmax over the classes, the first is the background
    for prior, logits, (dx, dy, dw, dh) in zip(ssd_priors(), raw["conf"], raw["loc"], strict=True):
        cx, cy, w, h = (min(max(value, 0), 1) for value in prior)
        odds = np.exp(logits.astype(float))
        odds /= odds.sum()
        middle = cx + dx * 0.1 * w, cy + dy * 0.1 * h
        box = by_middle(*middle, w * np.exp(dw * 0.2), h * np.exp(dh * 0.2)) * SIDE
        for label, score in enumerate(odds[1:]):
            yield Candidate(box.copy(), float(score), label)


def yunet(raw: Raw) -> Iterator[Candidate]:
    # FaceDetectorYNImpl::postProcess
    kinds = {kind: np.concatenate([raw[f"{kind}_{s}"] for s in (8, 16, 32)]) for kind in ("cls", "obj", "bbox", "kps")}
    rows = zip(cells((8, 16, 32)), kinds["cls"], kinds["obj"], kinds["bbox"], kinds["kps"], strict=True)
    for (column, row, stride), (class_score,), (sure,), (x, y, w, h), points in rows:
        score = float(np.sqrt(min(max(class_score, 0), 1) * min(max(sure, 0), 1)))
        box = by_middle((column + x) * stride, (row + y) * stride, np.exp(w) * stride, np.exp(h) * stride)
        places = [(value + (row if place % 2 else column)) * stride for place, value in enumerate(points)]
        yield Candidate(box, score, 0, places)


REFERENCES: Mapping[str, tuple[Callable[[Raw], Iterator[Candidate]], bool]] = {
    "yolov5": (yolov5, True),
    "yolov8": (yolov8, True),
    "yolox": (yolox, True),
    "end-to-end": (end_to_end, False),
    "end-to-end apart": (end_to_end_apart, False),
    "rtdetr": (rtdetr, False),
    "rtdetr in one": (rtdetr_in_one, False),
    "detr": (detr, False),
    "nanodet": (nanodet, True),
    "nanodet-plus": (nanodet_plus, True),
    "ssd corners": (ssd_corners, True),
    "ssd offsets": (ssd_offsets, True),
    "yunet": (yunet, True),
}
"""By case: the decoding, and whether overlaps are taken out after it."""
