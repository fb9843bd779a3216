"""YOLOX: [N, A, 5 + C], a candidate for each cell, of which the network has not decoded the box.

As `tools/export_onnx.py` exports it and `YOLOXHead.decode_outputs` and `postprocess` read it
(https://github.com/Megvii-BaseDetection/YOLOX, `yolox/models/yolo_head.py`, `yolox/utils/boxes.py`): the middle is the
cell's corner plus an offset, the size an exponential, both in strides; the score is the product of the class and of
whether anything is there, and only a candidate's best class counts. An export with `decode_in_inference` is read by the
head yolov5.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from inference.build.heads.boxes import CORNERS, HALF, XYXY, best_only
from inference.build.heads.grid import grid
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(min_length=1, max_length=8)]

_BODY = """\
{grid}
{turn}
    offset, growth, sure, classes = Split <axis = 1> (columns, parts)
    moved = Add (offset, across_down)
    middle = Mul (moved, step)
    grown = Exp (growth)
    span = Mul (grown, step)
{corners}
    by_class = Mul (classes, sure)
{best}"""


class YoloxOptions(Options):
    """Of the grids."""

    strides: Strides = (8, 16, 32)


def recognise(raw: Raw, given: Mapping[str, Any]) -> YoloxOptions:
    """One candidate for each cell."""
    options = YoloxOptions(**given)
    name, (_, candidates, values) = raw.only(3)
    if raw.classes is not None and values != 5 + raw.classes:
        raise Unfit(f"{name} has {values} values a candidate; {raw.classes} labels need {5 + raw.classes}")
    if candidates != raw.cells(options.strides) or values < 6:
        expected = f"{raw.cells(options.strides)} cells of strides {list(options.strides)}"
        raise Unfit(f"{name} has {candidates} candidates; at {raw.width}x{raw.height} there are {expected}")
    return options


def decode(options: YoloxOptions, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    source, turn = target.columns(name, "columns", 5 + target.classes)
    cells, constants = grid(options.strides, target)
    best, best_constants = best_only(target.network.versions[1])
    parts = f"int64[4] parts = {{2, 2, 1, {target.classes}}}"
    body = _BODY.format(grid=cells, turn=turn, corners=CORNERS, best=best)
    return Decoding([source], [*constants, parts, HALF, XYXY, *best_constants], body)


HEAD = Head(
    "yolox",
    "detection",
    Preset(colour="BGR", deviation=(1, 1, 1), anchor="top-left", score=0.25, iou=0.45),
    YoloxOptions,
    recognise,
    decode,
)
