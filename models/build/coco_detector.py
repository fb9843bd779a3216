"""Build `models/coco-detector/1.0.0/model.onnx`: NanoDet-g with everything around its network in the graph.

    python models/build/coco_detector.py            # build and write
    python models/build/coco_detector.py --check    # build, compare with the card's sha256, write nothing

The card says how (`build:`), and `inference.build` does it: the head is inference/build/heads/nanodet.py. In: `images`
uint8 [N, H, W, 3], BGR, H and W multiples of 32. Out, per image at most 100 detections by falling score, the rows past
its count zero: `boxes` float32 [N, 100, 4] as x1, y1, x2, y2 in input pixels, clipped to the input; `scores` float32
[N, 100]; `labels` int64 [N, 100]; `counts` int64 [N]. The same weights and card give the same bytes.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from inference.build.fused_graph import fuse
from inference.build.onnx_file import inspect
from inference.errors import ModelError
from inference.repository.card import ModelCard

VERSION = "1.0.0"
MODELS = Path(__file__).resolve().parent.parent
WEIGHTS = MODELS / "build/weights/nanodet-g-416.onnx"
MODEL = MODELS / "coco-detector" / VERSION / "model.onnx"
CARD = MODELS / "coco-detector/model.yaml"
PRODUCER = "vedette models/build/coco_detector.py"
ABOUT = "NanoDet-g (RangiLyu/nanodet, Apache-2.0), uint8 NHWC BGR images to detections"


def main() -> int:
    arguments = argparse.ArgumentParser(description="Build models/coco-detector from the published NanoDet-g weights.")
    arguments.add_argument("--check", action="store_true", help="compare the build with the card; write nothing")
    check: bool = arguments.parse_args().check
    card = ModelCard.load(CARD)
    built = build(WEIGHTS.read_bytes(), card)
    digest = hashlib.sha256(built).hexdigest()
    if not check:
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        MODEL.write_bytes(built)
    print(f"{MODEL.relative_to(MODELS.parent)}: {len(built)} bytes, sha256 {digest}")
    if digest == card.versions[VERSION].sha256:
        return 0
    print(f"{CARD.relative_to(MODELS.parent)} says {card.versions[VERSION].sha256}", file=sys.stderr)
    return 1


def build(weights: bytes, card: ModelCard) -> bytes:
    """The fused graph, serialised. Raises ModelError for weights other than the published ones, or not 80 labels."""
    if len(card.labels) != 80:  # the file doesn't say
        raise ModelError(f"{CARD}: the network knows 80 classes, the card names {len(card.labels)}")
    return fuse(inspect(weights, str(WEIGHTS)), card, VERSION, PRODUCER, ABOUT)


if __name__ == "__main__":
    sys.exit(main())
