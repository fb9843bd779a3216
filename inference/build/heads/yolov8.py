"""YOLOv8 and the later ones that are read like it (v9, v11, v12): [N, 4 + C, A], decoded by the network.

As `Detect.forward` exports it and `non_max_suppression` reads it (https://github.com/ultralytics/ultralytics,
`nn/modules/head.py`, `utils/nms.py`): x and y of the middle, width and height, in input pixels, then the classes, after
their sigmoid; only a candidate's best class counts.
"""

from collections.abc import Mapping
from typing import Any

from inference.build.heads.boxes import CORNERS, HALF, XYXY, best_only
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))


def recognise(raw: Raw, given: Mapping[str, Any]) -> Options:
    """One candidate for each cell, along the last axis."""
    name, (_, values, candidates) = raw.only(3)
    if raw.classes is not None and values != 4 + raw.classes:
        raise Unfit(f"{name} has {values} values a candidate; {raw.classes} labels need {4 + raw.classes}")
    counts = [raw.cells(strides) for strides in _STRIDES]
    if candidates not in counts or values < 5:
        raise Unfit(f"{name} has {candidates} candidates; at {raw.width}x{raw.height} there are {counts[0]}")
    return Options(**given)


def decode(options: Options, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    best, constants = best_only(target.network.versions[1])
    parts = f"int64[3] parts = {{2, 2, {target.classes}}}"
    body = f"    middle, span, by_class = Split <axis = 1> (columns, parts)\n{CORNERS}\n{best}"
    return Decoding([(name, f"float[N, {4 + target.classes}, A] columns")], [parts, HALF, XYXY, *constants], body)


HEAD = Head("yolov8", "detection", Preset(), Options, recognise, decode)
