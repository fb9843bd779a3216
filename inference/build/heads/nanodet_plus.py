"""NanoDet-Plus: [N, A, C + 4 * bins], the classes after their sigmoid, then the sides of boxes as NanoDet has them.

As https://github.com/RangiLyu/nanodet exports it (`NanoDetPlusHead._forward_onnx`) and reads it (`get_bboxes`): the
same distributions as NanoDet's, but from the corner of the cell (i * stride), over one more stride.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from inference.build.heads.boxes import XYXY
from inference.build.heads.grid import grid
from inference.build.heads.head import Decoding, Head, Options, Raw, Target, Unfit
from inference.build.heads.nanodet import HEAD as NANODET
from inference.build.heads.yolox import Strides

_BODY = """\
{grid}
{turn}
    likely, sides = Split <axis = 1> (columns, parts)
    logits = Reshape (sides, by_side)
    shares = Softmax <axis = 2> (logits)
    weighed = Mul (shares, bins)
    strides = ReduceSum <keepdims = 0> (weighed, bin_axis)
    distance = Mul (strides, step)
    offset = Mul (distance, outward)
    centre = Mul (across_down, step)
    origin = Concat <axis = 0> (centre, centre)
    corner = Add (origin, offset)"""


class NanoDetPlusOptions(Options):
    """Of the grids and the distributions."""

    strides: Strides = (8, 16, 32, 64)
    bins: int = Field(default=8, ge=2, le=64)
    """Of a side: `reg_max` + 1."""


def recognise(raw: Raw, given: Mapping[str, Any]) -> NanoDetPlusOptions:
    """One candidate for each cell."""
    options = NanoDetPlusOptions(**given)
    name, (_, candidates, values) = raw.only(3)
    sides = 4 * options.bins
    if values <= sides or (raw.classes is not None and values != raw.classes + sides):
        raise Unfit(f"{name} has {values} values a candidate; {raw.classes} labels need {(raw.classes or 1) + sides}")
    if candidates != raw.cells(options.strides):
        expected = f"{raw.cells(options.strides)} cells of strides {list(options.strides)}"
        raise Unfit(f"{name} has {candidates} candidates; at {raw.width}x{raw.height} there are {expected}")
    return options


def decode(options: NanoDetPlusOptions, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    source, turn = target.columns(name, "columns", target.classes + 4 * options.bins)
    cells, constants = grid(options.strides, target)
    constants += [
        f"int64[2] parts = {{{target.classes}, {4 * options.bins}}}",
        f"int64[4] by_side = {{0, 4, {options.bins}, -1}}",
        f"float[1, 1, {options.bins}, 1] bins = {{{', '.join(map(str, range(options.bins)))}}}",
        XYXY,
        "int64[1] bin_axis = {2}",
        "float[1, 4, 1] outward = {-1, -1, 1, 1}",
    ]
    least = target.classes * target.least_cells(options.strides)
    return Decoding([source], constants, _BODY.format(grid=cells, turn=turn), least=least)


HEAD = Head("nanodet-plus", "detection", NANODET.preset, NanoDetPlusOptions, recognise, decode)
