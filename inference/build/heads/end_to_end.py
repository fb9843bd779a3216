"""Detections that the network has finished itself, non-maximum suppression and all.

Either one output [N, M, 6], x1, y1, x2, y2, score, label, in input pixels: YOLOv10, and YOLOv5, v8 and v11 as
Ultralytics exports them with `nms=True` (https://docs.ultralytics.com/modes/export/). Or three: boxes [N, M, 4], scores
[N, M] and labels [N, M], as RT-DETR and D-FINE export them (https://github.com/lyuwenyu/RT-DETR,
`tools/export_onnx.py`; boxes in the picture size that is their alone input) and TensorFlow's detection API with
`corners: yxyx`, `unit: share` (https://github.com/tensorflow/models, `research/object_detection/exporter.py`).
"""

from collections.abc import Mapping
from typing import Any, Literal

from inference.build.heads.boxes import PICTURE, UPRIGHT, XYXY
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_MOST = 1000

_ONE = """\
    columns = Transpose <perm = [0, 2, 1]> (rows)
    placed, confidence, kind = Split <axis = 1> (columns, parts)
    strength = Squeeze (confidence, alone)
    kinds = Squeeze (kind, alone)"""

_THREE = """\
    placed = Transpose <perm = [0, 2, 1]> (rows)
    strength = Identity (confidence)
    kinds = Identity (kind)"""


class EndToEndOptions(Options):
    """Which output is what."""

    boxes: str
    """All there is, if there are no others."""
    scores: str | None = None
    labels: str | None = None
    first_label: int = 0
    """What the network calls the first label."""
    corners: Literal["xyxy", "yxyx"] = "xyxy"
    unit: Literal["pixels", "share"] = "pixels"


def recognise(raw: Raw, given: Mapping[str, Any]) -> EndToEndOptions:
    """By shapes; of two outputs [N, M] by the names `scores` and `labels` or `classes`."""
    if "boxes" in given:
        options = EndToEndOptions(**given)
        apart = options.scores is not None and options.labels is not None
        raw.require(options.boxes, 1, None, 4 if apart else 6)
        for name in (options.scores, options.labels):
            if name is not None:
                raw.require(name, 1, raw.outputs[options.boxes][1])
        return options
    if len(raw.outputs) == 1:
        name, (_, candidates, values) = raw.only(3)
        if values != 6 or candidates > _MOST:
            raise Unfit(f"{name} is not [N, up to {_MOST}, 6]")
        return EndToEndOptions(boxes=name, **given)
    boxes = [name for name, shape in raw.outputs.items() if len(shape) == 3 and shape[2] == 4 and shape[1] <= _MOST]
    rows = [name for name, shape in raw.outputs.items() if boxes and shape == raw.outputs[boxes[0]][:2]]
    scores = [name for name in rows if "score" in name.lower()]
    labels = [name for name in rows if "label" in name.lower() or "class" in name.lower()]
    if not len(boxes) == len(scores) == len(labels) == 1 or scores == labels:
        raise Unfit("it has no boxes [N, M, 4] with scores and labels [N, M] of such names")
    return EndToEndOptions(boxes=boxes[0], scores=scores[0], labels=labels[0], **given)


def decode(options: EndToEndOptions, target: Target) -> Decoding:
    """See the module."""
    inputs = [(options.boxes, "float[N, A, 4] rows")]
    constants = [XYXY, "int64[1] alone = {1}"]
    lines = [_THREE]
    if options.scores is None or options.labels is None:
        inputs = [(options.boxes, "float[N, A, 6] rows")]
        constants.append("int64[3] parts = {4, 1, 1}")
        lines = [_ONE]
    else:
        kind = "int64" if target.network.outputs[options.labels].dtype.startswith(("int", "uint")) else "float"
        inputs += [(options.scores, "float[N, A] confidence"), (options.labels, f"{kind}[N, A] kind")]
    lines.append("    number = Cast <to = 7> (kinds)\n    class = Sub (number, first_label)")
    constants.append(f"int64 first_label = {{{options.first_label}}}")
    ordered = "placed"
    if options.corners == "yxyx":
        constants.append("int64[4] ordering = {1, 0, 3, 2}")
        lines.append("    ordered = Gather <axis = 1> (placed, ordering)")
        ordered = "ordered"
    if options.unit == "share":
        lines.append(f"{PICTURE}\n    corner = Mul ({ordered}, picture)")
        constants.append(UPRIGHT)
    else:
        lines.append(f"    corner = Identity ({ordered})")
    return Decoding(inputs, constants, "\n".join(lines), overlaps=False, labelled=True)


HEAD = Head("end-to-end", "detection", Preset(), EndToEndOptions, recognise, decode)
