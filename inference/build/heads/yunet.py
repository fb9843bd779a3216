"""YuNet: faces with five landmarks; for each stride class, whether anything is there, box and points of each cell.

As OpenCV reads them (https://github.com/opencv/opencv, `FaceDetectorYNImpl::postProcess` in
modules/objdetect/src/face_detect.cpp): the score is the root of the product of the first two, each held to 0 to 1; the
middle is the cell's corner plus an offset, the size an exponential, a point an offset from the cell's corner, all in
strides.
"""

from collections.abc import Mapping
from typing import Any

from inference.build.heads.boxes import CORNERS, HALF, XYXY
from inference.build.heads.grid import grid
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit
from inference.build.heads.yolox import Strides

KINDS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}

_BODY = """\
{grid}
    class_rows = Concat <axis = 1> ({cls})
    sure_rows = Concat <axis = 1> ({obj})
    box_rows = Concat <axis = 1> ({bbox})
    point_rows = Concat <axis = 1> ({kps})

    class_least = Max (class_rows, nought)
    class_held = Min (class_least, certain)
    sure_least = Max (sure_rows, nought)
    sure_held = Min (sure_least, certain)
    both = Mul (class_held, sure_held)
    root = Sqrt (both)
    likely = Transpose <perm = [0, 2, 1]> (root)

    columns = Transpose <perm = [0, 2, 1]> (box_rows)
    shift, growth = Split <axis = 1> (columns, parts)
    moved = Add (shift, across_down)
    middle = Mul (moved, step)
    grown = Exp (growth)
    span = Mul (grown, step)
{corners}

    pairs = Reshape (point_rows, by_point)
    origin_rows = Transpose <perm = [1, 0]> (across_down)
    origin_points = Unsqueeze (origin_rows, among)
    placed = Add (pairs, origin_points)
    step_points = Reshape (step, by_step)
    scaled = Mul (placed, step_points)
    points = Reshape (scaled, by_cell)"""


class YuNetOptions(Options):
    """The outputs are called `cls_8`, `obj_8`, `bbox_8`, `kps_8`, …"""

    strides: Strides = (8, 16, 32)


def recognise(raw: Raw, given: Mapping[str, Any]) -> YuNetOptions:
    """By the names of the outputs."""
    options = YuNetOptions(**given)
    for stride in options.strides:
        for kind, values in KINDS.items():
            found = raw.outputs.get(f"{kind}_{stride}")
            if found != (1, raw.cells([stride]), values):
                raise Unfit(f"it has no output {kind}_{stride} [N, {raw.cells([stride])}, {values}]")
    return options


def decode(options: YuNetOptions, target: Target) -> Decoding:
    """See the module."""
    inputs = [
        (f"{kind}_{s}", f"float[N, A{s}, {values}] {kind}_{s}")
        for kind, values in KINDS.items()
        for s in options.strides
    ]
    cells, constants = grid(options.strides, target)
    constants += [
        "int64[2] parts = {2, 2}, float nought = {0}, float certain = {1}, int64[1] among = {1}",
        "int64[4] by_point = {0, -1, 5, 2}, int64[3] by_step = {-1, 1, 1}, int64[3] by_cell = {0, -1, 10}",
        HALF,
        XYXY,
    ]
    named = {kind: ", ".join(f"{kind}_{s}" for s in options.strides) for kind in KINDS}
    return Decoding(
        inputs,
        constants,
        _BODY.format(grid=cells, corners=CORNERS, **named),
        least=target.least_cells(options.strides),
    )


HEAD = Head(
    "yunet",
    "detection",
    Preset(colour="BGR", deviation=(1, 1, 1), anchor="top-left", pad=0, score=0.6, iou=0.3),
    YuNetOptions,
    recognise,
    decode,
    labels=("face",),
    landmarks=("right eye", "left eye", "nose", "right corner of the mouth", "left corner of the mouth"),
)
