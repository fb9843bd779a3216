"""Embedding: [N, D], or [N, D, 1, 1], becomes a vector of length 1, so that a dot product is the cosine."""

from collections.abc import Mapping
from math import prod
from typing import Any

from inference.build.heads.head import Decoding, Head, Options, Preset, Raw, Target, Unfit

_BODY = """\
    flat = Flatten <axis = 1> (values)
    squares = Mul (flat, flat)
    sum = ReduceSum (squares, second)
    length = Sqrt (sum)
    divisor = Max (length, least)
    embeddings = Div (flat, divisor)"""


def recognise(raw: Raw, given: Mapping[str, Any]) -> Options:
    """Values without labels."""
    if len(raw.outputs) != 1:
        raise Unfit(f"it has one output, not {len(raw.outputs)}")
    ((name, shape),) = raw.outputs.items()
    if len(shape) < 2 or prod(shape[2:]) != 1:
        raise Unfit(f"{name} is not [N, D]")
    if raw.classes is not None:
        raise Unfit("it has no labels, but there are some")
    return Options(**given)


def decode(options: Options, target: Target) -> Decoding:
    """See the module."""
    (name,) = target.network.outputs
    return Decoding([(name, "float values")], ["int64[1] second = {1}, float least = {1e-12}"], _BODY)


HEAD = Head("embedding", "embedding", Preset(deviation=(1, 1, 1), fit="stretch", pad=0), Options, recognise, decode)
