"""DETR: logits [N, Q, C + 1], whose last class is "nothing", and boxes [N, Q, 4] of queries, without suppression.

As `PostProcess` reads them (https://github.com/facebookresearch/detr, `models/detr.py`, arXiv:2005.12872): a softmax
over all, the best class but the last; boxes by middle and size as shares of the picture.
"""

from collections.abc import Mapping
from typing import Any

from inference.build.heads.boxes import best_only
from inference.build.heads.head import Decoding, Head, Preset, Raw, Target, Unfit
from inference.build.heads.rtdetr import BOXES, BOXES_CONSTANTS, QueryOptions, named, two_outputs

_BODY = """\
    logits = Transpose <perm = [0, 2, 1]> (logit_rows)
    odds = Softmax <axis = 1> (logits)
    by_class, no_class = Split <axis = 1> (odds, parts)
{best}
    shares = Transpose <perm = [0, 2, 1]> (box_rows)
{boxes}"""


def recognise(raw: Raw, given: Mapping[str, Any]) -> QueryOptions:
    """One more logit than there are labels."""
    options = named(raw, given, 1) if "boxes" in given else two_outputs(raw, 1)
    if options.logits is None:
        raise Unfit("it has logits of its own: name them with the option logits")
    return options


def decode(options: QueryOptions, target: Target) -> Decoding:
    """See the module."""
    inputs = [
        (options.boxes, "float[N, A, 4] box_rows"),
        (options.logits or "", f"float[N, A, {target.classes + 1}] logit_rows"),
    ]
    best, constants = best_only(target.network.versions[1])
    constants = [f"int64[2] parts = {{{target.classes}, 1}}", *constants, BOXES_CONSTANTS]
    return Decoding(inputs, constants, _BODY.format(best=best, boxes=BOXES), overlaps=False)


HEAD = Head(
    "detr",
    "detection",
    Preset(mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375), fit="stretch", pad=0, score=0.3),
    QueryOptions,
    recognise,
    decode,
)
