"""RT-DETR, D-FINE and Deformable DETR: logits [N, Q, C] and boxes [N, Q, 4] of queries, without suppression.

As `RTDETRPostProcessor` reads them (https://github.com/lyuwenyu/RT-DETR): a sigmoid for each class, the best of all
queries and classes together; boxes by middle and size as shares of the picture. Ultralytics exports both in one, [N, Q,
4 + C], after the sigmoid (https://github.com/ultralytics/ultralytics, `RTDETRDecoder`). Exports with the post-processor
inside are read by the head end-to-end.
"""

from collections.abc import Mapping
from typing import Any

from inference.build.heads.boxes import CORNERS, HALF, PICTURE, UPRIGHT, XYXY
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_MOST = 1000

_TWO = """\
    logits = Transpose <perm = [0, 2, 1]> (logit_rows)
    likely = Sigmoid (logits)
    shares = Transpose <perm = [0, 2, 1]> (box_rows)"""

_ONE = """\
    columns = Transpose <perm = [0, 2, 1]> (rows)
    shares, likely = Split <axis = 1> (columns, parts)"""

BOXES = f"""\
{PICTURE}
    pixels = Mul (shares, picture)
    middle, span = Split <axis = 1> (pixels, halves)
{CORNERS}"""
"""From `shares` [N, 4, A], middle and size, to `corner`."""

BOXES_CONSTANTS = f"{XYXY}, {UPRIGHT}, int64[2] halves = {{2, 2}}, {HALF}"


class QueryOptions(Options):
    """Which output is what."""

    boxes: str
    """All there is, if there are no logits."""
    logits: str | None = None


def recognise(raw: Raw, given: Mapping[str, Any]) -> QueryOptions:
    """As many logits as there are labels."""
    if "boxes" in given:
        return named(raw, given, 0)
    if len(raw.outputs) == 1:
        name, (_, queries, values) = raw.only(3)
        if raw.classes is None or values != 4 + raw.classes or queries > _MOST:
            raise Unfit(f"{name} is not [N, up to {_MOST}, 4 + as many as there are labels]")
        return QueryOptions(boxes=name)
    return two_outputs(raw, 0)


def named(raw: Raw, given: Mapping[str, Any], beyond: int) -> QueryOptions:
    """The outputs that are asked for, `beyond` more logits than labels. Raises Unfit."""
    options = QueryOptions(**given)
    classes = None if raw.classes is None else raw.classes + beyond
    if options.logits is None:
        raw.require(options.boxes, 1, None, classes and classes + 4)
    else:
        raw.require(options.boxes, 1, None, 4)
        raw.require(options.logits, 1, raw.outputs[options.boxes][1], classes)
    return options


def two_outputs(raw: Raw, beyond: int) -> QueryOptions:
    """Boxes, and for each query as many logits as labels and `beyond` more. Raises Unfit."""
    boxes = [name for name, shape in raw.outputs.items() if len(shape) == 3 and shape[2] == 4 and shape[1] <= _MOST]
    logits = [
        name
        for name, shape in raw.outputs.items()
        if boxes and raw.classes and shape == (*raw.outputs[boxes[0]][:2], raw.classes + beyond)
    ]
    logits = [name for name in logits if name not in boxes] or [name for name in logits if name != boxes[0]]
    if len(raw.outputs) != 2 or not boxes or len(logits) != 1:
        what = "as many as there are labels" if not beyond else "one more than there are labels"
        raise Unfit(f"it has no two outputs [N, up to {_MOST}, 4] and [N, up to {_MOST}, {what}]")
    (other,) = logits
    return QueryOptions(boxes=next(name for name in boxes if name != other), logits=other)


def decode(options: QueryOptions, target: Target) -> Decoding:
    """See the module."""
    if options.logits is None:
        inputs = [(options.boxes, f"float[N, A, {4 + target.classes}] rows")]
        constants = [f"int64[2] parts = {{4, {target.classes}}}"]
    else:
        inputs = [
            (options.boxes, "float[N, A, 4] box_rows"),
            (options.logits, f"float[N, A, {target.classes}] logit_rows"),
        ]
        constants = []
    body = f"{_TWO if options.logits else _ONE}\n{BOXES}"
    return Decoding(inputs, [*constants, BOXES_CONSTANTS], body, overlaps=False)


HEAD = Head("rtdetr", "detection", Preset(fit="stretch", pad=0, score=0.3), QueryOptions, recognise, decode)
