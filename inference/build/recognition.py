"""Which head a network has, from the shapes of what it gives for a picture."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from inference.build.heads import HEADS, Head
from inference.build.heads.head import Options, Raw, Unfit
from inference.build.network import SIZE_INPUT, Network
from inference.build.onnx_file import OnnxFile
from inference.build.trial import Run, attempt
from inference.errors import ModelError
from inference.repository.card import ImageInput


def probe(file: OnnxFile, spec: ImageInput, classes: int | None) -> Raw:
    """What the raw network gives for one picture of this size, with so many labels. Raises ModelError."""
    network = Network(file)
    takes = network.input
    height, width = (spec.size, spec.size) if spec.size else spec.smallest
    picture = (1, 3, height, width) if takes.planes else (1, height, width, 3)
    inputs: dict[str, tuple[str, tuple[int, ...]]] = {takes.name: (takes.dtype, picture)}
    if takes.asks_size:
        inputs[SIZE_INPUT] = ("int64", (1, 2))
    model, names = network.cut(spec, [(tensor.name, tensor) for tensor in file.outputs])
    (outcome,) = attempt(model.SerializeToString(), [Run(inputs)], file.where)
    shapes = {tensor.name: outcome.outputs[name].shape for tensor, name in zip(file.outputs, names, strict=True)}
    return Raw(shapes, height, width, classes)


def recognise(raw: Raw, name: str | None, given: Mapping[str, Any], where: str) -> tuple[Head, Options]:
    """The head and all its options; `name` and the options `given` were asked for. Raises ModelError, which says why
    it is none, or which of several must be named."""
    if name is not None:
        return _named(raw, name, given, where)
    fitting, reasons = [], []
    for head in HEADS.values():
        try:
            fitting.append((head, head.recognise(raw, given)))
        except Unfit as reason:
            reasons.append(f"  {head.name}: {reason}")
        except ValidationError:
            reasons.append(f"  {head.name}: has no such options")
    if len(fitting) == 1:
        return fitting[0]
    outputs = ", ".join(f"{output} {list(shape)}" for output, shape in raw.outputs.items())
    found = f"{where}: for a picture of {raw.width}x{raw.height} it gives {outputs}"
    if fitting:
        names = " or ".join(head.name for head, _ in fitting)
        raise ModelError(f"{found}; that may be {names}: pass --head")
    reasons.sort(key=lambda reason: ": pass --" not in reason)  # what could be mended first
    raise ModelError("\n".join([f"{found}; that is none of the heads:", *reasons]))


def _named(raw: Raw, name: str, given: Mapping[str, Any], where: str) -> tuple[Head, Options]:
    head = HEADS.get(name)
    if head is None:
        raise ModelError(f"--head {name}: there are {', '.join(HEADS)}")
    try:
        return head, head.recognise(raw, given)
    except Unfit as reason:
        outputs = ", ".join(f"{output} {list(shape)}" for output, shape in raw.outputs.items())
        raise ModelError(f"{where}: it is not {name}: {reason}; for a picture it gives {outputs}") from None
    except ValidationError as error:
        raise ModelError(f"--options of {name}: {'; '.join(_faults(error))}") from None


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False):
        place = ".".join(str(part) for part in fault["loc"])
        yield f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"]
