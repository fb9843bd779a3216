"""The work behind every peer: one session of one thread, and a picture made into its input.

The same for all, so that what differs is the server: ONNX Runtime without spinning; JPEGs are decoded as Vedette does
it (simplejpeg, at a half, a quarter or an eighth where that is enough), or, with `DECODER=opencv`, as most people write
it (`cv2.imdecode`). Placement as in `inference/preprocess.py`: the longest side is the input's, the other is padded to
a multiple.
"""

import os
from typing import Any

import cv2
import numpy as np
import onnxruntime
import simplejpeg
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

cv2.setNumThreads(1)


class Undecodable(ValueError):
    """Not a JPEG."""


class Work:
    """One session. The environment says which: MODEL (a file), SIZE and MULTIPLE (pixels), DECODER."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self._session.get_outputs()]
        self._size, self._multiple = int(os.environ["SIZE"]), int(os.environ["MULTIPLE"])
        self._decode = _by_opencv if os.environ.get("DECODER") == "opencv" else _by_simplejpeg
        self.run(np.zeros((1, self._multiple, self._multiple, 3), np.uint8))

    def run(self, batch: Picture) -> dict[str, NDArray[Any]]:
        """Outputs by name of a batch [N, h, w, 3]."""
        return dict(zip(self.names, self._session.run(self.names, {"images": batch}), strict=True))

    def tensor(self, data: bytes) -> Picture:
        """A raw tensor [SIZE, SIZE, 3]. Raises ValueError for another length."""
        return np.frombuffer(data, np.uint8).reshape(self._size, self._size, 3)

    def picture(self, jpeg: bytes) -> Picture:
        """The input [h, w, 3] of a JPEG. Raises Undecodable."""
        width, height = _jpeg_size(jpeg)
        scale = self._size / max(width, height)
        inside_width, inside_height = max(1, round(width * scale)), max(1, round(height * scale))
        slot = np.zeros((self._padded(inside_height), self._padded(inside_width), 3), np.uint8)
        top, left = (slot.shape[0] - inside_height) // 2, (slot.shape[1] - inside_width) // 2
        cv2.resize(
            self._decode(jpeg, inside_width, inside_height),
            (inside_width, inside_height),
            dst=slot[top : top + inside_height, left : left + inside_width],
        )
        return slot

    def _padded(self, side: int) -> int:
        return -(-side // self._multiple) * self._multiple


def detections(outputs: dict[str, NDArray[Any]], row: int) -> dict[str, Any]:
    """One row of a batch's outputs as plain data: a detector's boxes as far as there are any, else its scores."""
    if "counts" not in outputs:
        return {"scores": outputs["scores"][row].tolist()}
    count = int(outputs["counts"][row])
    return {name: outputs[name][row, :count].tolist() for name in ("boxes", "scores", "labels")}


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise Undecodable("not a JPEG") from error
    return width, height


def _by_simplejpeg(jpeg: bytes, width: int, height: int) -> Picture:
    try:
        decoded: Picture = simplejpeg.decode_jpeg(jpeg, "BGR", min_width=width, min_height=height, min_factor=2)
    except ValueError as error:
        raise Undecodable(str(error)) from error
    return decoded


def _by_opencv(jpeg: bytes, _width: int, _height: int) -> Picture:
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise Undecodable("not a JPEG")
    return decoded  # type: ignore[return-value,unused-ignore]
