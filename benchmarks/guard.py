"""What the input guard costs, and what feature squeezing finds: `python -m benchmarks guard`.

Attacked is one person, the largest whom the model is sure of, in frames of the bundled video, on the picture as the
model gets it (416x256): the attack wants the model not to see this person. It sees the model's answers and knows
nothing of the squeezing. `hidden`: how many of the persons were, at the threshold of the pipeline. `caught`: of those,
in how many the answers on the squeezed copies disagree. Noise of the same size and the video itself tell the false
alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import av
import numpy as np
import onnxruntime
import simplejpeg

from benchmarks.attacks import Area, Image, Search, noise, patch_attack, pixel_attack, square_attack
from benchmarks.results import Result
from inference.guard import decode, examine
from inference.guard.measures import measure
from inference.guard.squeezing import SQUEEZERS, disagreement
from inference.picture_answer import Found
from inference.preprocess import fill, place
from inference.repository.card import ImageInput
from vedette.config.guard_settings import Squeeze

ROOT = Path(__file__).parent.parent
INPUT = ImageInput(size=416, multiple=32, layout="NHWC", colour="BGR")
FLOOR = 0.4
"""The pipeline's confidence."""
THRESHOLD = Squeeze().threshold
PERSON = "0"

Attack = Callable[[Image, Search, Area, Area], Image]

ATTACKS: dict[str, Attack] = {
    "60 pixels of the person (Sparse-RS)": lambda picture, search, person, _: pixel_attack(picture, search, person),
    "sticker on the chest, fine (Patch-RS)": lambda picture, search, _, chest: patch_attack(picture, search, chest, 1),
    "sticker on the chest, cells of 4 pixels": lambda picture, search, _, chest: patch_attack(
        picture, search, chest, 4
    ),
    "Square Attack, ±8 of 255": lambda picture, search, *_: square_attack(picture, search, 8),
    "Square Attack, ±16 of 255": lambda picture, search, *_: square_attack(picture, search, 16),
    "no attack: noise, ±8 of 255": lambda picture, search, *_: noise(picture, 8, search.rng),
    "no attack: noise, ±16 of 255": lambda picture, search, *_: noise(picture, 16, search.rng),
}


@dataclass
class Tally:
    """Of one attack."""

    tried: int = 0
    hidden: int = 0
    caught: int = 0
    alarms: int = 0


def run(quick: bool = False) -> Result:
    slots = frames(4 if quick else 100)
    clean = [_disagreements(slot) for slot in slots]
    alarms = [max(found.values()) >= THRESHOLD for found in clean]
    figures: dict[str, Any] = {
        "clean_frames": len(slots),
        "false_alarms": sum(alarms),
        "clean_disagreement_p50_p95_max": _spread([max(found.values()) for found in clean]),
        "attacks": _attacks(slots, 2 if quick else 6, queries=30 if quick else 250),
        **_costs(),
    }
    what = f"the guard's cost, and feature squeezing (threshold {THRESHOLD}) against attacks on coco-detector"
    return Result("guard", what, figures, at_most={"measures_ms": 0.15, "false_alarms": len(slots) // 50})


@cache
def detector() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = ROOT / "models/coco-detector/1.0.0/model.onnx"
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answer(slot: Image) -> list[Found]:
    """The model's, boxes in fractions of the slot."""
    boxes, scores, labels, counts = detector().run(None, {"images": slot[np.newaxis]})
    height, width, _ = slot.shape
    size = np.array([width, height] * 2)
    found = []
    for box, score, label in zip(boxes[0] / size, scores[0], labels[0].tolist()[: int(counts[0])], strict=False):
        left, top, right, bottom = box.tolist()
        found.append(Found(str(label), float(score), (left, top, right - left, bottom - top)))
    return found


def frames(count: int) -> list[Image]:
    """Of the bundled video, 16:9, over a JPEG into slots, as a stream's are."""
    with av.open(str(ROOT / "media/pedestrians.mp4")) as container:
        pictures = [frame.to_ndarray(format="bgr24")[72:504] for frame in container.decode(video=0)]
    slots = []
    for picture in pictures[:: len(pictures) // count][:count]:
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), 85, "BGR", "420")
        placement = place(picture.shape[1], picture.shape[0], INPUT)
        slot = np.empty((placement.input_height, placement.input_width, 3), np.uint8)
        fill(slot, jpeg, placement)
        slots.append(slot)
    return slots


def _disagreements(slot: Image) -> dict[str, float]:
    first = answer(slot)
    return {name: disagreement(first, answer(squeeze(slot)), FLOOR) for name, squeeze in SQUEEZERS.items()}


def _attacks(slots: list[Image], count: int, queries: int) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, attack in ATTACKS.items():
        tally, found = Tally(), []
        for number, slot in enumerate(slots[:: len(slots) // count][:count]):
            target = _target(answer(slot))
            if target is None:
                continue
            search = Search(
                lambda picture, target=target: seen(picture, target),  # type: ignore[misc]
                FLOOR - 0.05,
                queries,
                np.random.default_rng(number),
            )
            attacked = attack(slot, search, _area(target, slot, 0, 1), _area(target, slot, 0.2, 0.6))
            by_squeezer = _disagreements(attacked)
            alarm, hidden = max(by_squeezer.values()) >= THRESHOLD, seen(attacked, target) < FLOOR
            tally.tried, tally.hidden, tally.alarms = tally.tried + 1, tally.hidden + hidden, tally.alarms + alarm
            tally.caught += hidden and alarm
            found.append(by_squeezer)
        rows[name] = vars(tally) | {
            f"median_disagreement_{squeezer}": round(median(row[squeezer] for row in found), 3)
            for squeezer in SQUEEZERS
        }
        print(name, rows[name], flush=True)
    return rows


def _target(found: list[Found]) -> Found | None:
    """The largest person whom the model is sure of."""
    people = [box for box in found if box.label == PERSON and box.confidence > 0.5]
    return max(people, key=lambda box: box.bbox[2] * box.bbox[3], default=None)


def seen(picture: Image, target: Found) -> float:
    """The confidence of what the model still sees there, whatever it takes it for."""
    return max((box.confidence for box in answer(picture) if _overlap(box, target) > 0.4), default=0.0)


def _overlap(one: Found, other: Found) -> float:
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one.bbox, other.bbox
    across = max(0.0, min(x1 + w1, x2 + w2) - max(x1, x2))
    down = max(0.0, min(y1 + h1, y2 + h2) - max(y1, y2))
    return across * down / (w1 * h1 + w2 * h2 - across * down)


def _area(target: Found, slot: Image, begin: float, end: float) -> Area:
    """Of the box, between these fractions of its height, and its middle where that is not all."""
    height, width, _ = slot.shape
    x, y, w, h = target.bbox
    side = 0.0 if end == 1 else 0.2
    top, bottom = round((y + begin * h) * height), round((y + end * h) * height)
    left, right = round((x + side * w) * width), round((x + (1 - side) * w) * width)
    return Area(max(0, top), max(0, left), min(height, bottom), min(width, right))


def _costs() -> dict[str, float]:
    """Milliseconds, medians, one thread."""
    slot = frames(1)[0]
    picture = np.ascontiguousarray(slot[11:245])
    jpeg = simplejpeg.encode_jpeg(picture, 85, "BGR", "420")
    costs: dict[str, Callable[[], object]] = {
        "examine_jpeg_ms": lambda: examine(jpeg),
        "decode_jpeg_ms": lambda: decode(jpeg),
        "measures_ms": lambda: measure(slot[11:245]),
        "squeezed_copies_ms": lambda: [squeeze(slot) for squeeze in SQUEEZERS.values()],
        "inference_ms": lambda: answer(slot),
    }
    return {name: round(_median_s(call, 20 if "inference" in name else 200) * 1000, 4) for name, call in costs.items()}


def _median_s(call: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        started = perf_counter()
        call()
        took.append(perf_counter() - started)
    return median(took)


def _spread(values: list[float]) -> list[float]:
    return [round(float(np.quantile(values, share)), 3) for share in (0.5, 0.95, 1.0)]
