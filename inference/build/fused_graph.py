"""The graph that is served: pictures in, detections, scores or an embedding out, the raw network in its middle."""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import compose
from pydantic import ValidationError

from inference.build.epilogue import epilogue
from inference.build.graph_text import graph
from inference.build.heads import HEADS, Head
from inference.build.heads.head import Decoding, Options, Target
from inference.build.network import SIZE_INPUT, Network
from inference.build.onnx_file import OnnxFile
from inference.build.prologue import prologue
from inference.errors import ModelError
from inference.repository.card import ModelCard

PRODUCER = "vedette"
_OUTER = {"images", "boxes", "scores", "labels", "counts", "landmarks", "embeddings"}
_STEPS = {"planes", "colours", "centred", "scaled", "halves", "same", "pixels"}
_SIZES = {"size", "side", "pictures", "many", "sizes", "mean", "deviation", "across_down", "two"}
_OUR_NAMES = _OUTER | _STEPS | _SIZES
"""Of what is before and after the network, which may have such a name too."""


def fuse(file: OnnxFile, card: ModelCard, version: str, producer: str = PRODUCER, about: str = "") -> bytes:
    """The graph of a version, serialised; the same file and card give the same bytes.

    Raises ModelError if the file is not the one that the card names, or its head doesn't fit it.
    """
    build = card.versions[version].build
    if build is None:
        raise ModelError(f"{card.name} {version}: its card has no build section: what its raw outputs mean is unknown")
    if build.sha256 != file.sha256:
        raise ModelError(f"{file.where}: its sha256 is {file.sha256}, the card of {card.name} wants {build.sha256}")
    head = HEADS.get(build.head)
    if head is None or head.task != card.task:
        raise ModelError(f"{card.name}: build.head: {build.head!r} is no head for {card.task}")
    spec = card.input_of(version)
    network = Network(file)
    target = Target(network, spec, len(card.labels), len(card.landmarks))
    try:
        decoding = head.decode(_options(card.name, head, build.options), target)
        ends = [(name, _output_behind(network, name)) for name, _ in decoding.inputs]
        middle, names = network.cut(spec, ends)
        front = prologue(spec, build, network.input, network.versions)
        model = _joined(network, front, middle, names, _decoder(decoding, card, network))
        return _finished(model, card, producer, about or f"{head.name}: uint8 NHWC {spec.colour} images to {card.task}")
    except (KeyError, ValueError, TypeError, onnx.checker.ValidationError, onnx.parser.ParseError) as error:
        reason = " ".join(str(error).split())[:500]
        raise ModelError(f"{file.where}: the head {head.name} does not fit it: {reason}") from error


def _options(name: str, head: Head, given: Mapping[str, Any]) -> Options:
    try:
        return head.options.model_validate(given)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise ModelError(f"{name}: build.options of {head.name}: {'; '.join(faults)}") from None


def _output_behind(network: Network, end: str) -> Any:
    """The declared output whose values an end has."""
    for name, tensor in network.outputs.items():
        if end in (name, network.columns(name)):
            return tensor
    raise ModelError(f"{network.file.where}: it has no output {end!r}; it has {', '.join(network.outputs)}")


def _decoder(decoding: Decoding, card: ModelCard, network: Network) -> Any:
    inputs = [declaration for _, declaration in decoding.inputs]
    constants, body = list(decoding.constants), decoding.body
    if card.task == "detection":
        if card.thresholds is None:
            raise ModelError(f"{card.name}: a detector has thresholds")
        tail, more, outputs = epilogue(decoding, card.thresholds, len(card.landmarks))
        inputs, constants, body = ["int64[2] size", *inputs], [*constants, *more], f"{body}\n{tail}"
    elif card.task == "classification":
        outputs = (f"float[N, {len(card.labels)}] scores",)
    else:
        outputs = ("float[N, D] embeddings",)
    return graph("decode", inputs, outputs, constants, body, network.versions)


def _joined(network: Network, front: Any, middle: Any, ends: list[str], back: Any) -> Any:
    """The three graphs as one."""
    takes = {"pixels": network.input.name, "sizes": SIZE_INPUT}
    if _names(middle) & _OUR_NAMES:
        middle = compose.add_prefix(middle, "network/")
        takes = {ours: f"network/{theirs}" for ours, theirs in takes.items()}
        ends = [f"network/{end}" for end in ends]
    wants = [value.name for value in back.graph.input]
    size = ["size"] if wants[0] == "size" else []
    given = [value.name for value in front.graph.output if value.name != "size"]
    fused = compose.merge_models(front, middle, io_map=[(name, takes[name]) for name in given], outputs=[*size, *ends])
    back = compose.add_prefix(back, "decode/", rename_inputs=False, rename_outputs=False)
    return compose.merge_models(fused, back, io_map=list(zip([*size, *ends], wants, strict=True)))


def _names(model: Any) -> set[str]:
    graph = model.graph
    made = {name for node in graph.node for name in node.output} | {tensor.name for tensor in graph.initializer}
    return made | {value.name for value in graph.input}


def _finished(model: Any, card: ModelCard, producer: str, about: str) -> bytes:
    """Names, the checker, and bytes in a fixed order."""
    model.producer_name = producer
    model.graph.name = card.name
    model.graph.doc_string = about
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
