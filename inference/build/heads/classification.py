"""Classification: [N, C], or [N, C, 1, 1], becomes a score for each label."""

from collections.abc import Mapping
from math import prod
from typing import Any, Literal

from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_ACTIVATIONS = {"softmax": "Softmax <axis = 1>", "sigmoid": "Sigmoid", "none": "Identity"}


class ClassificationOptions(Options):
    """What the network leaves to be done."""

    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    """`softmax` where one label holds, `sigmoid` where several may, `none` where the network has done it."""


def recognise(raw: Raw, given: Mapping[str, Any]) -> ClassificationOptions:
    """As many values as there are labels."""
    if len(raw.outputs) != 1:
        raise Unfit(f"it has one output, not {len(raw.outputs)}")
    ((name, shape),) = raw.outputs.items()
    if len(shape) < 2 or prod(shape[2:]) != 1:
        raise Unfit(f"{name} is not [N, C]")
    if raw.classes is not None and shape[1] != raw.classes:
        raise Unfit(f"{name} has {shape[1]} values, but there are {raw.classes} labels")
    return ClassificationOptions(**given)


def decode(options: ClassificationOptions, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    body = f"    flat = Reshape (values, by_picture)\n    scores = {_ACTIVATIONS[options.activation]} (flat)"
    return Decoding([(name, "float values")], [f"int64[2] by_picture = {{-1, {target.classes}}}"], body)


HEAD = Head(
    "classification",
    "classification",
    Preset(mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375), fit="crop", pad=0),
    ClassificationOptions,
    recognise,
    decode,
)
