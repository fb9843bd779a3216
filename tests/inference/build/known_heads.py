"""A network a head that gives chosen outputs, its card, and the graph that is built from both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inference.build.contract import graph_faults
from inference.build.fused_graph import fuse
from inference.build.heads import HEADS
from inference.build.heads.head import Raw
from inference.build.onnx_file import inspect
from inference.build.recognition import recognise
from inference.repository.card import ModelCard
from tests.inference.build.decoding_reference import IOU, SCORE, SIDE
from tests.inference.build.networks import network

LABELS = ("person", "car", "dog")
Array = NDArray[Any]


def spread(*shape: int, least: float = 0.0, most: float = 1.0, seed: int = 1) -> Array:
    return np.random.default_rng([seed, *shape]).uniform(least, most, shape).astype(np.float32)


def boxes(candidates: int) -> Array:
    """[2, candidates, 4]: middles in the picture and a little beyond, sizes up to half of it; pixels."""
    return np.concatenate(
        [spread(2, candidates, 2, least=-4, most=SIDE + 4), spread(2, candidates, 2, least=4, most=SIDE / 2)], axis=2
    )


def scores(candidates: int, classes: int = 3, seed: int = 2) -> Array:
    """Most of them low."""
    return spread(2, candidates, classes, seed=seed) ** 3


def rows(*parts: Array) -> Array:
    return np.concatenate(parts, axis=2)


CELLS = 64 + 16 + 4
CORNERS = np.sort(boxes(40).reshape(2, 40, 2, 2), axis=2).reshape(2, 40, 4)


@dataclass(frozen=True)
class Case:
    """A head's raw outputs [2, …], and what must be said beside the labels."""

    head: str
    outputs: Mapping[str, Array]
    options: Mapping[str, Any] = field(default_factory=dict)
    named: bool = False
    """Whether the head can't be recognised."""
    labels: tuple[str, ...] = LABELS
    landmarks: tuple[str, ...] = ()


def _yunet() -> Mapping[str, Array]:
    outputs = {}
    for stride in (8, 16, 32):
        count = (SIDE // stride) ** 2
        outputs[f"cls_{stride}"] = spread(2, count, 1, least=-0.2, most=1.2, seed=stride)
        outputs[f"obj_{stride}"] = spread(2, count, 1, least=-0.2, most=1.2, seed=stride + 1)
        outputs[f"bbox_{stride}"] = spread(2, count, 4, least=-0.5, most=1, seed=stride)
        outputs[f"kps_{stride}"] = spread(2, count, 10, least=-1, most=1, seed=stride)
    return outputs


def _nanodet() -> Mapping[str, Array]:
    outputs = {}
    for stride in (32, 8, 16):  # in another order than by stride
        count = (SIDE // stride) ** 2
        outputs[f"dis_{stride}"] = spread(2, count, 32, least=-3, most=3)
        outputs[f"cls_{stride}"] = scores(count)
    return outputs


GRIDS = [
    {"cells": 2, "step": 32 / 64, "smallest": 20 / 64, "largest": 40 / 64, "ratios": [2]},
    {"cells": 1, "step": 64 / 64, "smallest": 40 / 64, "largest": 60 / 64, "ratios": []},
]

POINTS = ("a", "b", "c", "d", "e")
CASES = {
    "yolov5": Case("yolov5", {"output0": rows(boxes(3 * CELLS), spread(2, 3 * CELLS, 1), scores(3 * CELLS) ** 0.3)}),
    "yolov8": Case("yolov8", {"output0": rows(boxes(CELLS), scores(CELLS)).transpose(0, 2, 1).copy()}),
    "yolox": Case(
        "yolox",
        {"output": rows(spread(2, CELLS, 4, least=-0.5), spread(2, CELLS, 1), scores(CELLS) ** 0.3)},
        named=True,
    ),
    "end-to-end": Case(
        "end-to-end",
        {"output0": rows(CORNERS, spread(2, 40, 1), np.arange(80, dtype=np.float32).reshape(2, 40, 1) % 3)},
    ),
    "end-to-end apart": Case(
        "end-to-end",
        {
            "detection_boxes": CORNERS / SIDE,
            "detection_scores": spread(2, 40),
            "detection_classes": np.arange(80, dtype=np.float32).reshape(2, 40) % 3 + 1,
            "num_detections": np.array([40, 40], np.float32),
        },
        {"corners": "yxyx", "unit": "share", "first_label": 1},
    ),
    "rtdetr": Case("rtdetr", {"pred_logits": spread(2, 50, 3, least=-6, most=3), "pred_boxes": boxes(50) / SIDE}),
    "rtdetr in one": Case("rtdetr", {"output0": rows(boxes(50) / SIDE, scores(50))}),
    "detr": Case("detr", {"pred_boxes": boxes(50) / SIDE, "pred_logits": spread(2, 50, 4, least=-3, most=3)}),
    "nanodet": Case("nanodet", _nanodet()),
    "nanodet-plus": Case(
        "nanodet-plus", {"output": rows(scores(CELLS + 1), spread(2, CELLS + 1, 32, least=-3, most=3))}
    ),
    "ssd corners": Case("ssd", {"boxes": CORNERS / SIDE, "scores": scores(40, 4)}, {"boxes": "corners"}, named=True),
    "ssd offsets": Case(
        "ssd",
        {"loc": spread(2, 18, 4, least=-3, most=3), "conf": spread(2, 18, 4, least=-3, most=3)},
        {"boxes": "offsets", "grids": GRIDS, "activation": "softmax"},
        named=True,
    ),
    "yunet": Case("yunet", _yunet(), labels=("face",), landmarks=POINTS),
}


def raw_of(case: Case) -> Raw:
    return Raw({name: (1, *sets.shape[1:]) for name, sets in case.outputs.items()}, SIDE, SIDE, len(case.labels))


def card_of(case: Case, digest: str, options: Mapping[str, Any], **more: Any) -> ModelCard:
    build = {"head": case.head, "sha256": digest, "options": options}
    data: dict[str, Any] = {
        "name": "known",
        "task": HEADS[case.head].task,
        "labels": case.labels,
        "landmarks": case.landmarks,
        "input": {"height": SIDE, "width": SIDE, "layout": "NHWC", "colour": "RGB"},
        "thresholds": {"score": SCORE, "iou": IOU},
        "batch": {"max": 8, "max_delay_ms": 5},
        "versions": {"1.0.0": {"sha256": "0" * 64, "origin": "x", "licence": "x", "build": build}},
    }
    return ModelCard.model_validate({**data, **more})


def fused(case: Case, **more: Any) -> bytes:
    file = inspect(network(case.outputs, **more), "known.onnx")
    _, options = recognise(raw_of(case), case.head, case.options, "known.onnx")
    card = card_of(case, file.sha256, options.model_dump(mode="json", exclude_none=True))
    built = fuse(file, card, "1.0.0")
    assert graph_faults(inspect(built, "built"), card) == []
    return built


def run(graph: bytes, images: NDArray[np.uint8]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


@cache
def built(name: str) -> bytes:
    return fused(CASES[name])
