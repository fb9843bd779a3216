"""NanoDet: for each stride the classes [N, cells, C], after their sigmoid, and the sides of boxes [N, cells, 4 * bins].

As https://github.com/RangiLyu/nanodet has it (`GFLHead`): a side is the expectation of a distribution over bins
(Generalized Focal Loss, arXiv:2006.04388, section 3), times the stride, as a distance from the cell's centre
((i + 0.5) * stride); then non-maximum suppression within each class.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from inference.build.heads.boxes import XYXY
from inference.build.heads.grid import cells, strides
from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit
from inference.build.heads.yolox import Strides

_STRIDE = """\
{turns}{cells}
    middle_{s} = Add (index_{s}, half)
    centre_{s} = Mul (middle_{s}, scale_{s})
    logits_{s} = Reshape (sides_{s}, by_side)
    shares_{s} = Softmax <axis = 2> (logits_{s})
    weighed_{s} = Mul (shares_{s}, bins_{s})
    distance_{s} = ReduceSum <keepdims = 0> (weighed_{s}, bin_axis)
"""

_BODY = """\
{strides}
    centre = Concat <axis = 1> ({centres})
    origin = Gather <axis = 0> (centre, xyxy)
    distance = Concat <axis = 2> ({distances})
    offset = Mul (distance, outward)
    corner = Add (origin, offset)"""


class NanoDetOptions(Options):
    """The raw outputs of each stride, in the order of `strides`."""

    strides: Strides = (8, 16, 32)
    bins: int = Field(default=11, ge=2, le=64)
    """Of a side's distribution: `reg_max` + 1."""
    classes: tuple[str, ...] = Field(min_length=1, max_length=8)
    sides: tuple[str, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _match(self) -> "NanoDetOptions":
        if not len(self.strides) == len(self.classes) == len(self.sides):
            raise ValueError("strides, classes and sides are not as many")
        return self


def recognise(raw: Raw, given: Mapping[str, Any]) -> NanoDetOptions:
    """By the number of cells, as files list them in any order."""
    if "classes" in given and "sides" in given:
        options = NanoDetOptions(**given)
        for stride, classes, sides in zip(options.strides, options.classes, options.sides, strict=True):
            raw.require(classes, 1, raw.cells([stride]), raw.classes)
            raw.require(sides, 1, raw.cells([stride]), 4 * options.bins)
        return options
    values = tuple(given.get("strides", (8, 16, 32)))
    if len(raw.outputs) != 2 * len(values):
        raise Unfit(f"it has {2 * len(values)} outputs, not {len(raw.outputs)}")
    if raw.classes is None:
        raise Unfit("which outputs are classes can be told from their number: pass --labels")
    shapes = {name: shape for name, shape in raw.outputs.items() if len(shape) == 3}
    by_stride = [{s[2]: name for name, s in shapes.items() if s[1] == raw.cells([stride])} for stride in values]
    widths = {width for found in by_stride for width in found if width != raw.classes}
    if len(widths) != 1 or any(len(found) != 2 or raw.classes not in found for found in by_stride):
        raise Unfit("not each stride has one output of classes and one of sides")
    (width,) = widths
    if width % 4:
        raise Unfit(f"{width} values don't make four sides")
    named, distances = (tuple(found[size] for found in by_stride) for size in (raw.classes, width))
    return NanoDetOptions(**{"strides": values, "bins": width // 4, "classes": named, "sides": distances, **given})


def decode(options: NanoDetOptions, target: Target) -> Decoding:
    """See the module."""
    turned = {
        (kind, s): target.columns(name, f"{kind}_{s}", values, f"A{s}")
        for kind, names, values in (
            ("classes", options.classes, target.classes),
            ("sides", options.sides, 4 * options.bins),
        )
        for s, name in zip(options.strides, names, strict=True)
    }
    texts = []
    for s in options.strides:
        turns = "".join(f"{turned[kind, s][1]}\n" for kind in ("classes", "sides") if turned[kind, s][1])
        texts.append(_STRIDE.format(s=s, turns=turns, cells=cells(s, target)))
    several = {name: ", ".join(f"{name}_{s}" for s in options.strides) for name in ("centre", "distance", "classes")}
    body = _BODY.format(
        strides="".join(texts),
        centres=several["centre"],
        distances=several["distance"],
    )
    scores = f"    likely = Concat <axis = 2> ({several['classes']})"
    least = target.classes * target.least_cells(options.strides)
    return Decoding([source for source, _ in turned.values()], _constants(options, target), body, scores, least=least)


def _constants(options: NanoDetOptions, target: Target) -> list[str]:
    held = []
    for s, whole in zip(options.strides, strides(options.strides, target), strict=False):
        bins = ", ".join(str(s * place) for place in range(options.bins))
        held.append(f"{whole}, float[1, 1, {options.bins}, 1] bins_{s} = {{{bins}}}")
    return [
        *held,
        *strides(options.strides, target)[len(options.strides) :],
        "float half = {0.5}",
        f"int64[4] by_side = {{0, 4, {options.bins}, -1}}",
        "int64[1] bin_axis = {2}",
        XYXY,
        "float[1, 4, 1] outward = {-1, -1, 1, 1}",
    ]


HEAD = Head(
    "nanodet",
    "detection",
    Preset(
        colour="BGR",
        mean=(103.53, 116.28, 123.675),
        deviation=(57.375, 57.12, 58.395),
        pad=0,
        score=0.2,
        iou=0.6,
    ),
    NanoDetOptions,
    recognise,
    decode,
)
