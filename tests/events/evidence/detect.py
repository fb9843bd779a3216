"""Makes `detections.json`: what coco-detector finds in the bundled video. `python -m tests.events.evidence.detect`."""

import json
from pathlib import Path

import av
import cv2
import numpy as np

from inference.detected import detected
from inference.preprocess import fill, place
from inference.repository.folder import Repository
from inference.runtime.session import open_session

ROOT = Path(__file__).parents[3]
OUT = Path(__file__).with_name("detections.json")
LABELS = ("person", "car")
WIDTH, HEIGHT = 640, 480


def main() -> None:
    model = Repository(ROOT / "models").resolve("coco-detector@1.0.0")
    session = open_session(model, "cpu", 1)
    placement = place(WIDTH, HEIGHT, model.card.input_of(model.version))
    slot = np.zeros((1, placement.input_height, placement.input_width, 3), np.uint8)
    rows = []
    for number, frame in enumerate(av.open(str(ROOT / "media/pedestrians.mp4")).decode(video=0)):
        if number % 2 and number % 5:
            continue
        small = cv2.resize(frame.to_ndarray(format="bgr24"), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        fill(slot[0], cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes(), placement)
        found = detected(session.run([slot])[0])
        corners = np.clip(
            (found.boxes - [placement.left, placement.top] * 2) / ([placement.width, placement.height] * 2), 0, 1
        )
        rows.append(
            [
                number,
                [
                    [
                        model.card.labels[label],
                        round(float(score), 3),
                        *(round(float(v), 4) for v in (x, y, r - x, b - y)),
                    ]
                    for (x, y, r, b), score, label in zip(corners, found.scores, found.labels, strict=True)
                    if model.card.labels[label] in LABELS and r > x and b > y
                ],
            ]
        )
    OUT.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
