"""What comes after a head's decoding: boxes clipped, overlaps taken out, the 100 best by falling score."""

from collections.abc import Sequence

from inference.build.heads.head import Decoding
from inference.repository.card import Thresholds

MOST = 100
"""Detections of a picture."""

_CLIP = """\
    ends = Gather <axis = 0> (size, xyxy)
    limit = Cast <to = 1> (ends)
    limits = Reshape (limit, column)
    inner = Max (corner, zero)
    clipped = Min (inner, limits)
    candidates = Transpose <perm = [0, 2, 1]> (clipped)"""

# What NonMaxSuppression keeps is scattered back into a plane of zeros, so that TopK works for any batch size.
_SUPPRESS = """\
    selected = NonMaxSuppression (candidates, likely, most, iou, score)
    strength = GatherND (likely, selected)
    shape = Shape (likely)
    nothing = ConstantOfShape <value = float[1] {0}> (shape)
    kept = ScatterND (nothing, selected, strength)
    flat = Reshape (kept, row)"""

_OVER_SCORE = """\
    is_likely = Greater (likely, score)
    kept = Where (is_likely, likely, zero)
    flat = Reshape (kept, row)"""

_STRONG = """\
    is_likely = Greater (strength, score)
    flat = Where (is_likely, strength, zero)"""

_FEW = """\
    pictures = Shape <start = 0, end = 1> (flat)
    room = Concat <axis = 0> (pictures, most)
    nobody = ConstantOfShape <value = float[1] {0}> (room)
    enough = Concat <axis = 1> (flat, nobody)"""
"""TopK refuses to look for more than there are."""

_LIKELY_PLACE = """\
    area = Shape <start = 2, end = 3> (likely)
    label = Div (place, area)
    cell = Mod (place, area)"""

_STRONG_PLACE = """\
    area = Shape <start = 1, end = 2> (strength)
    final = Sub (area, second)
    cell = Min (place, final)
    label = GatherElements <axis = 1> (class, cell)"""

_CHOOSE = """\
    cell_column = Unsqueeze (cell, last)
    cell_four = Expand (cell_column, four)
    chosen = GatherElements <axis = 1> (candidates, cell_four)

    real = Greater (scores, zero)
    one = Cast <to = 7> (real)
    counts = ReduceSum <keepdims = 0> (one, second)
    labels = Mul (label, one)
    present = Cast <to = 1> (real)
    presence = Unsqueeze (present, last)
    boxes = Mul (chosen, presence)"""

_POINTS = """\
    cell_points = Expand (cell_column, point_values)
    chosen_points = GatherElements <axis = 1> (points, cell_points)
    landmarks = Mul (chosen_points, presence)"""

OUTPUTS = (
    f"float[N, {MOST}, 4] boxes",
    f"float[N, {MOST}] scores",
    f"int64[N, {MOST}] labels",
    "int64[N] counts",
)


def epilogue(decoding: Decoding, thresholds: Thresholds, points: int) -> tuple[str, list[str], Sequence[str]]:
    """Body, constants and outputs from a head's decoding on; `points` landmarks a detection."""
    few = decoding.least < MOST
    ranked = f"    scores, place = TopK <axis = 1, largest = 1, sorted = 1> ({'enough' if few else 'flat'}, most)"
    if decoding.labelled:
        kept, places = _STRONG, _STRONG_PLACE
    else:
        kept, places = (_SUPPRESS if decoding.overlaps else _OVER_SCORE), _LIKELY_PLACE
    body = [_CLIP, decoding.scores, kept, _FEW if few else "", ranked, places, _CHOOSE]
    constants = [
        "float zero = {0}, int64[2] column = {4, 1}, int64[2] row = {0, -1}",
        f"int64[1] most = {{{MOST}}}, float iou = {{{thresholds.iou}}}, float score = {{{thresholds.score}}}",
        "int64[1] last = {2}, int64[1] second = {1}, int64[3] four = {1, 1, 4}",
    ]
    if not points:
        return "\n".join(body), constants, OUTPUTS
    constants.append(f"int64[3] point_values = {{1, 1, {2 * points}}}")
    return "\n".join([*body, _POINTS]), constants, (*OUTPUTS, f"float[N, {MOST}, {2 * points}] landmarks")
