"""YOLOv5: [N, A, 5 + C], for each anchor its box, whether anything is there, and what; decoded by the network.

As `Detect.forward` exports it and `non_max_suppression` reads it (https://github.com/ultralytics/yolov5,
`models/yolo.py`, `utils/general.py`): x and y of the middle, width and height, in input pixels; the score is the
product of the two, and only a candidate's best class counts. YOLOv6's and YOLOv7's exports without NMS are the same,
YOLOv6's with one anchor for each cell.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from inference.build.heads.boxes import CORNERS, HALF, XYXY, best_only
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_STRIDES: Sequence[Sequence[int]] = ((8, 16, 32), (8, 16, 32, 64))

_BODY = """\
{turn}
    middle, span, sure, classes = Split <axis = 1> (columns, parts)
{corners}
    by_class = Mul (classes, sure)
{best}"""


def recognise(raw: Raw, given: Mapping[str, Any]) -> Options:
    """Three anchors for each cell, or one."""
    name, (_, candidates, values) = raw.only(3)
    if raw.classes is not None and values != 5 + raw.classes:
        raise Unfit(f"{name} has {values} values a candidate; {raw.classes} labels need {5 + raw.classes}")
    counts = [anchors * raw.cells(strides) for strides in _STRIDES for anchors in (3, 1)]
    if candidates not in counts or values < 6:
        raise Unfit(f"{name} has {candidates} candidates; at {raw.width}x{raw.height} there are {counts[0]}")
    return Options(**given)


def decode(options: Options, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    source, turn = target.columns(name, "columns", 5 + target.classes)
    best, constants = best_only(target.network.versions[1])
    parts = f"int64[4] parts = {{2, 2, 1, {target.classes}}}"
    return Decoding([source], [parts, HALF, XYXY, *constants], _BODY.format(turn=turn, corners=CORNERS, best=best))


HEAD = Head("yolov5", "detection", Preset(), Options, recognise, decode)
