"""Build `models/coco-detector/<version>/model.onnx`: NanoDet-g with everything around its network in the graph.

    python models/build/coco_detector.py            # build and write all versions
    python models/build/coco_detector.py --check    # build, compare with the card's sha256, write nothing

The card says how (`build:`), and `inference.build` does it: the head is inference/build/heads/nanodet.py. In: `images`
uint8 [N, H, W, 3], BGR, H and W multiples of 32. Out, per image at most 100 detections by falling score, the rows past
its count zero: `boxes` float32 [N, 100, 4] as x1, y1, x2, y2 in input pixels, clipped to the input; `scores` float32
[N, 100]; `labels` int64 [N, 100]; `counts` int64 [N]. The same weights and card give the same bytes.

0.8.0 is in eight bits (`quantisation.py`): its raw network is made here from the same weights and from ranges that are
kept. 0.9.0 is the same for 16:9 pictures alone. In floats such a build gains nothing over 1.0.0, which runs 16:9
pictures as 416x256 already (`python -m benchmarks versions`), and would be 7.6 MB more.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import onnx

from inference.build.fused_graph import fuse
from inference.build.onnx_file import inspect
from inference.errors import ModelError
from inference.repository.card import ModelCard

VERSION, RECTANGULAR, INT8 = "1.0.0", "0.9.0", "0.8.0"
IN_EIGHT_BITS = (RECTANGULAR, INT8)
MODELS = Path(__file__).resolve().parent.parent
WEIGHTS = MODELS / "build/weights/nanodet-g-416.onnx"
RANGES = MODELS / f"build/ranges/coco-detector-{INT8}.json"
CARD = MODELS / "coco-detector/model.yaml"
PRODUCER = "vedette models/build/coco_detector.py"
ABOUT = "NanoDet-g (RangiLyu/nanodet, Apache-2.0), uint8 NHWC BGR images to detections"


def main() -> int:
    arguments = argparse.ArgumentParser(description="Build models/coco-detector from the published NanoDet-g weights.")
    arguments.add_argument("--check", action="store_true", help="compare the builds with the card; write nothing")
    check: bool = arguments.parse_args().check
    card, weights = ModelCard.load(CARD), WEIGHTS.read_bytes()
    return max([made(weights, card, version, check) for version in (VERSION, RECTANGULAR, INT8)])


def made(weights: bytes, card: ModelCard, version: str, check: bool) -> int:
    """Build one; 1 if it is not what the card says."""
    model = MODELS / "coco-detector" / version / "model.onnx"
    built = build(weights, card, version)
    digest = hashlib.sha256(built).hexdigest()
    if not check:
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_bytes(built)
    print(f"{model.relative_to(MODELS.parent)}: {len(built)} bytes, sha256 {digest}")
    if digest == card.versions[version].sha256:
        return 0
    print(f"{CARD.relative_to(MODELS.parent)} says {card.versions[version].sha256}", file=sys.stderr)
    return 1


def build(weights: bytes, card: ModelCard, version: str = VERSION) -> bytes:
    """The fused graph, serialised. Raises ModelError for weights other than the published ones, or not 80 labels."""
    if len(card.labels) != 80:  # the file doesn't say
        raise ModelError(f"{CARD}: the network knows 80 classes, the card names {len(card.labels)}")
    raw = int8_network(weights) if version in IN_EIGHT_BITS else weights
    return fuse(inspect(raw, str(WEIGHTS)), card, version, PRODUCER, ABOUT)


def int8_network(weights: bytes) -> bytes:
    """The raw network in eight bits, with the inputs and outputs of the published file."""
    from quantisation import plain, quantised  # the runtime's tools: half a second that the other versions don't need

    ranges = json.loads(RANGES.read_text())["ranges"]
    network = quantised(plain(onnx.load_model_from_string(weights)), {name: tuple(r) for name, r in ranges.items()})
    data: bytes = network.SerializeToString(deterministic=True)
    return data


if __name__ == "__main__":
    sys.exit(main())
