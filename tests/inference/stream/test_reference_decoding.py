"""Detections of the whole way against a plain decoding of the same pictures."""

import cv2
import numpy as np

from inference.dataplane import DataPlane
from tests.inference.nanodet_reference import detect
from tests.inference.worker import MODEL, Camera, listen, working
from vedette.bus.connection import Bus
from vedette.streams import PICTURES


async def test_detections_match_a_reference_decoding_of_the_same_jpegs(bus: Bus, plane: DataPlane) -> None:
    """The reference shares nothing with the product but the weights: cv2 decodes and places, NumPy decodes boxes."""
    notes, camera = await listen(bus), Camera(bus)
    async with working(bus, plane):
        for seq in range(15):
            await camera.frame(seq)
            await notes.until_served(seq + 1)
    theirs, ours = [], []
    for event in notes.events:
        assert event.frame.picture is not None
        picture = await bus.jetstream.get_msg(PICTURES, event.frame.picture)
        theirs.append(reference_boxes(picture.data or b""))
        ours.append([(found.label, found.confidence, found.bbox) for found in event.detections])
    assert len(theirs) == 15
    for some, others in ((ours, theirs), (theirs, ours)):
        sure = [(box, in_frame) for boxes, in_frame in zip(some, others, strict=True) for box in boxes if box[1] > 0.5]
        assert len(sure) > 30
        found = sum(any(box[0] == other[0] and iou(box[2], other[2]) >= 0.9 for other in rest) for box, rest in sure)
        assert found >= 0.99 * len(sure)


Box = tuple[str, float, tuple[float, float, float, float]]


def reference_boxes(jpeg: bytes) -> list[Box]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height, width = picture.shape[:2]
    scale = 416 / max(height, width)
    inner_width, inner_height = round(width * scale), round(height * scale)
    scaled = cv2.resize(picture, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    down, right = -inner_height % 32, -inner_width % 32
    placed = cv2.copyMakeBorder(
        scaled, down // 2, down - down // 2, right // 2, right - right // 2, cv2.BORDER_CONSTANT
    )
    boxes = []
    for box in detect(np.asarray(placed, np.uint8), 0.2, 0.6):
        x1, y1, x2, y2 = (box.corners - np.array([right // 2, down // 2] * 2)).tolist()
        x1, x2 = (min(max(x / inner_width, 0), 1) for x in (x1, x2))
        y1, y2 = (min(max(y / inner_height, 0), 1) for y in (y1, y2))
        boxes.append((MODEL.card.labels[box.label], box.score, (x1, y1, x2 - x1, y2 - y1)))
    return boxes


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)
