"""Build face-detector, face-embedding and face-liveness 1.0.0: each network with everything around it in the graph.

    python models/build/faces.py [--weights FOLDER]     # build and write
    python models/build/faces.py --check                # build, compare with the cards' sha256, write nothing

The cards say how (`build:`), and `inference.build` does it. The weights of face-embedding are not in this repository a
second time (19 MB, and model.onnx has them): without `--weights` it is compared, not built.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from inference.build.fused_graph import fuse
from inference.build.onnx_file import read_onnx
from inference.repository.card import ModelCard

VERSION = "1.0.0"
MODELS = Path(__file__).resolve().parent.parent
WEIGHTS = MODELS / "build/weights"
FILES = {
    "face-detector": ("yunet-640.onnx", "YuNet (Shiqi Yu, OpenCV Zoo, MIT)"),
    "face-embedding": ("sface-112.onnx", "SFace (Yaoyao Zhong, OpenCV Zoo, Apache-2.0)"),
    "face-liveness": ("face-liveness-128.onnx", "faceplugin-face-recognition-js 0.0.1 (MIT as published)"),
}


def main() -> int:
    arguments = argparse.ArgumentParser(description="Build the face models from their published weights.")
    arguments.add_argument("--check", action="store_true", help="compare the builds with the cards; write nothing")
    arguments.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FOLDER", help="where the raw files are")
    options = arguments.parse_args()
    return max([made(name, options.weights, options.check) for name in FILES])


def made(name: str, weights: Path, check: bool) -> int:
    """Build one, or compare the file that is there; 1 if it is not what the card says."""
    folder = MODELS / name
    model, card = folder / VERSION / "model.onnx", ModelCard.load(folder / "model.yaml")
    file, about = FILES[name]
    if (weights / file).exists():
        data, how = fuse(read_onnx(weights / file), card, VERSION, about=about), "built"
    else:
        data, how = model.read_bytes(), "not built, its weights are not here"
    digest = hashlib.sha256(data).hexdigest()
    if not check and how == "built":
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_bytes(data)
    print(f"{model.relative_to(MODELS.parent)}: {how}: {len(data)} bytes, sha256 {digest}")
    if digest == card.versions[VERSION].sha256:
        return 0
    print(f"{name}/model.yaml says {card.versions[VERSION].sha256}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
