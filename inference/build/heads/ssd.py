"""SSD: classes [N, A, C + 1] with the background, and boxes [N, A, 4], decoded by the network or not.

Decoded (`boxes: corners`): x1, y1, x2, y2 as shares of the picture, as https://github.com/qfgaohao/pytorch-ssd exports
them. Not decoded (`boxes: offsets`): offsets from default boxes, made and read as https://github.com/amdegroot/ssd.pytorch
does (`layers/functions/prior_box.py`, `layers/box_utils.py`, after arXiv:1512.02325): they are constants of the graph.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from inference.build.graph_text import numbers
from inference.build.heads.boxes import CORNERS, HALF, PICTURE, UPRIGHT, XYXY
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_MAX_BOXES = 100_000

_CLASSES = """\
{activation}
    columns = Transpose <perm = [0, 2, 1]> (odds)
    likely = Slice (columns, first_class, class_end, class_axis)"""

_CORNERS = f"""\
{PICTURE}
    shares = Transpose <perm = [0, 2, 1]> (box_rows)
    corner = Mul (shares, picture)"""

_OFFSETS = f"""\
{PICTURE}
    offsets = Transpose <perm = [0, 2, 1]> (box_rows)
    shift, growth = Split <axis = 1> (offsets, halves)
    shift_share = Mul (shift, shift_variance)
    shifted = Mul (shift_share, default_span)
    middle_share = Add (shifted, default_middle)
    growth_share = Mul (growth, growth_variance)
    grown = Exp (growth_share)
    span_share = Mul (grown, default_span)
    both = Concat <axis = 1> (middle_share, span_share)
    pixels = Mul (both, picture)
    middle, span = Split <axis = 1> (pixels, halves)
{CORNERS}"""


class Grid(Options):
    """The default boxes of one feature map; sizes are shares of the picture."""

    cells: int = Field(ge=1, le=256)
    """Along each side."""
    step: float = Field(gt=0, le=1)
    """From cell to cell."""
    smallest: float = Field(gt=0, le=2)
    largest: float = Field(gt=0, le=2)
    ratios: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=8)]
    """Of width to height; each is taken upright too."""


class SsdOptions(Options):
    """Which output is what, and where the default boxes are."""

    scores: str
    locations: str
    boxes: Literal["corners", "offsets"]
    background: Literal["first", "last"] = "first"
    activation: Literal["softmax", "none"] = "none"
    grids: tuple[Grid, ...] = Field(default=(), max_length=16)
    variances: tuple[float, float] = (0.1, 0.2)

    @model_validator(mode="after")
    def _whole(self) -> "SsdOptions":
        if (self.boxes == "offsets") != bool(self.grids):
            raise ValueError("boxes: offsets and grids need each other")
        if self.grids and len(default_boxes(self.grids)) > _MAX_BOXES:
            raise ValueError(f"more than {_MAX_BOXES} default boxes")
        return self


def default_boxes(grids: tuple[Grid, ...]) -> list[tuple[float, float, float, float]]:
    """Middle and size of each, as shares of the picture, in the order of the network's output."""
    boxes = []
    for grid in grids:
        shapes = [(grid.smallest, grid.smallest), (sqrt(grid.smallest * grid.largest),) * 2]
        for ratio in grid.ratios:
            wide, narrow = grid.smallest * sqrt(ratio), grid.smallest / sqrt(ratio)
            shapes += [(wide, narrow), (narrow, wide)]
        for row in range(grid.cells):
            for column in range(grid.cells):
                middle = (column + 0.5) * grid.step, (row + 0.5) * grid.step
                boxes += [tuple(min(max(value, 0.0), 1.0) for value in (*middle, *shape)) for shape in shapes]
    return boxes  # type: ignore[return-value]


def recognise(raw: Raw, given: Mapping[str, Any]) -> SsdOptions:
    """Boxes, and one class more than there are labels; whether they are decoded must be said."""
    if "boxes" not in given:
        raise Unfit('pass --options: {"boxes": "corners"} or {"boxes": "offsets", "grids": […]}, see docs/models.md')
    if "scores" not in given or "locations" not in given:
        locations = [name for name, shape in raw.outputs.items() if len(shape) == 3 and shape[2] == 4]
        scores = [name for name, shape in raw.outputs.items() if len(shape) == 3 and shape[2] == (raw.classes or 0) + 1]
        if len(locations) > 1:  # three labels
            locations = [name for name in locations if "box" in name.lower() or "loc" in name.lower()]
        scores = [name for name in scores if name not in locations]
        if len(raw.outputs) != 2 or len(locations) != 1 or len(scores) != 1:
            raise Unfit("it has two outputs, [N, A, 4] and [N, A, one more than there are labels]")
        given = {"scores": scores[0], "locations": locations[0], **given}
    options = SsdOptions(**given)
    raw.require(options.locations, 1, None, 4)
    found = raw.outputs[options.locations][1]
    raw.require(options.scores, 1, found, None if raw.classes is None else raw.classes + 1)
    if options.grids and found != len(default_boxes(options.grids)):
        raise Unfit(f"{options.locations} has {found} boxes, the grids {len(default_boxes(options.grids))}")
    return options


def decode(options: SsdOptions, target: Target) -> Decoding:
    """See the module."""
    first = 1 if options.background == "first" else 0
    softmax = "Softmax <axis = 2>" if options.activation == "softmax" else "Identity"
    classes = _CLASSES.format(activation=f"    odds = {softmax} (score_rows)")
    inputs = [
        (options.locations, "float[N, A, 4] box_rows"),
        (options.scores, f"float[N, A, {target.classes + 1}] score_rows"),
    ]
    constants = [
        f"int64[1] first_class = {{{first}}}, int64[1] class_end = {{{first + target.classes}}}",
        f"int64[1] class_axis = {{1}}, {XYXY}, {UPRIGHT}",
    ]
    if options.boxes == "corners":
        return Decoding(inputs, constants, f"{classes}\n{_CORNERS}")
    boxes = default_boxes(options.grids)
    columns = list(zip(*boxes, strict=True))
    for name, pair in (("middle", columns[:2]), ("span", columns[2:])):
        constants.append(f"float[2, {len(boxes)}] default_{name} = {numbers([*pair[0], *pair[1]])}")
    centre, size = options.variances
    constants.append(f"float shift_variance = {{{centre}}}, float growth_variance = {{{size}}}")
    constants.append(f"int64[2] halves = {{2, 2}}, {HALF}")
    return Decoding(inputs, constants, f"{classes}\n{_OFFSETS}")


HEAD = Head(
    "ssd",
    "detection",
    Preset(mean=(127, 127, 127), deviation=(128, 128, 128), fit="stretch", pad=0, score=0.3),
    SsdOptions,
    recognise,
    decode,
)
