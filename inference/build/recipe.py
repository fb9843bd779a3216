"""What `vedette models add` makes of a file and of what it was asked: a card of one version, and its graph."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from inference.build.contract import task_of
from inference.build.fused_graph import fuse
from inference.build.heads import HEADS
from inference.build.labels import labels_of
from inference.build.network import RawInput, raw_input
from inference.build.onnx_file import OnnxFile, inspect
from inference.build.proof import prove
from inference.build.recognition import probe, recognise
from inference.build.trial import Outcome
from inference.errors import ModelError
from inference.repository.card import ImageInput, ModelCard

_BATCH = 8
_MAX_DELAY_MS = 5
_MULTIPLE = 32
_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked; None and empty where nothing was."""

    name: str
    version: str
    head: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    labels: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()
    size: tuple[int, ...] = ()
    """The longest side, or height and width."""
    multiple: int | None = None
    picture: Mapping[str, Any] = field(default_factory=dict)
    """Of colour, fit, anchor and pad, those that are not the head's usual."""
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    score: float | None = None
    iou: float | None = None
    batch: int | None = None
    origin: str = ""
    licence: str = "not stated"
    accuracy: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A version, ready to be entered."""

    card: ModelCard
    graph: bytes
    outcome: Outcome
    """Of a picture alone, or of a row of tensors."""


def make(file: OnnxFile, wishes: Wishes, there: ModelCard | None = None) -> Made:
    """Build, check and run. `there` is the card of the model if it has versions already: the new one shares what that
    says, unless something else is wished.

    Raises ModelError, which says what is missing or does not fit.
    """
    finished = task_of(file)
    if "tensor" in (wishes.task, there and there.task):
        data: dict[str, Any] = {"task": "tensor", "batch": _batch(wishes, there, _free_rows(file))}
        return _tried(file, _card(wishes, data, there), file.data)
    if finished is not None:
        return _tried(file, _card(wishes, _finished(file, finished, wishes, there), there), file.data)
    data = _raw(file, wishes, there)
    card = _card(wishes, data, there)
    return _tried(file, card, fuse(file, card, wishes.version))


def _raw(file: OnnxFile, wishes: Wishes, there: ModelCard | None) -> dict[str, Any]:
    """The card's data for a network that a head is built around."""
    takes = raw_input(file)
    labels = wishes.labels or (there.labels if there else ()) or labels_of(file)
    shape = _shape(file, takes, wishes, there)
    raw = probe(file, ImageInput(layout="NHWC", colour="BGR", **shape), len(labels) or None)
    head, options = recognise(raw, wishes.head or _head_of(wishes, there), wishes.options, file.where)
    if wishes.task not in (None, head.task):
        raise ModelError(f"{file.where}: --task {wishes.task}: the head {head.name} is for {head.task}")
    preset = head.preset
    picture = {"layout": "NHWC", "colour": preset.colour, "anchor": preset.anchor, "pad": preset.pad, **shape}
    if "size" not in shape:
        picture["fit"] = preset.fit
    data: dict[str, Any] = {
        "task": head.task,
        "landmarks": wishes.landmarks or (there.landmarks if there else ()) or head.landmarks,
        "input": {**picture, **(_usual(there) if there else {}), **wishes.picture},
        "batch": _batch(wishes, there, takes.batch == "N"),
        "build": {
            "head": head.name,
            "sha256": file.sha256,
            "mean": wishes.mean or preset.mean,
            "deviation": wishes.deviation or preset.deviation,
            "options": options.model_dump(mode="json", exclude_none=True),
        },
    }
    if head.task != "embedding":
        data["labels"] = _require_labels(file, labels or head.labels)
    if head.task == "detection":
        usual = there.thresholds if there and there.thresholds else preset
        data["thresholds"] = {"score": wishes.score or usual.score, "iou": wishes.iou or usual.iou}
    return data


def _finished(file: OnnxFile, task: str, wishes: Wishes, there: ModelCard | None) -> dict[str, Any]:
    """The card's data for a file whose graph is already what is served."""
    shape = file.inputs[0].shape or ()
    sides = [length for length in shape[1:3] if isinstance(length, int)]
    data: dict[str, Any] = {"task": task, "batch": _batch(wishes, there, not isinstance(shape[0], int))}
    if task != "embedding":
        data["labels"] = _require_labels(file, wishes.labels or (there.labels if there else ()) or labels_of(file))
    if wishes.landmarks or (there and there.landmarks):
        data["landmarks"] = wishes.landmarks or (there.landmarks if there else ())
    if there and there.input and not wishes.size and not wishes.picture:
        data["input"] = there.input.model_dump(exclude_unset=True)
    else:
        size = wishes.size or (tuple(sides) if len(sides) == 2 else ())
        data["input"] = {"layout": "NHWC", **_sides(file, size, wishes.multiple), **wishes.picture}
        if "colour" not in wishes.picture:
            raise ModelError(f"{file.where}: its graph takes pictures as they are: pass --colour BGR or RGB")
    if task == "detection":
        usual = there.thresholds if there else None
        score, iou = wishes.score or (usual and usual.score), wishes.iou or (usual and usual.iou)
        if score is None or iou is None:
            raise ModelError(f"{file.where}: its thresholds are constants of the graph: pass --score and --iou")
        data["thresholds"] = {"score": score, "iou": iou}
    return data


def _require_labels(file: OnnxFile, labels: tuple[str, ...]) -> tuple[str, ...]:
    if not labels:
        raise ModelError(f"{file.where}: what are its classes called? Pass --labels FILE, one label a line, in order")
    return labels


def _batch(wishes: Wishes, there: ModelCard | None, free: bool) -> dict[str, Any]:
    if not free and (wishes.batch or 1) > 1:
        raise ModelError("--batch: the file takes one picture at a time; export it with a free batch axis")
    if there is not None:
        return {**there.batch.model_dump(), **({"max": wishes.batch} if wishes.batch else {})}
    return {"max": wishes.batch or (_BATCH if free else 1), "max_delay_ms": _MAX_DELAY_MS}


def _free_rows(file: OnnxFile) -> bool:
    """Whether rows can be stacked along the first axis of every input."""
    return all(tensor.shape and not isinstance(tensor.shape[0], int) for tensor in file.inputs)


def _usual(there: ModelCard) -> dict[str, Any]:
    """How the model's other versions take pictures, but for their size."""
    if there.input is None:
        return {}
    return there.input.model_dump(include={"colour", "fit", "anchor", "pad"}, exclude_unset=True)


def _shape(file: OnnxFile, takes: RawInput, wishes: Wishes, there: ModelCard | None) -> dict[str, Any]:
    """The card's size, or height and width."""
    if wishes.size:
        return _sides(file, wishes.size, wishes.multiple)
    if takes.height and takes.width:
        return {"height": takes.height, "width": takes.width}
    if there and there.input:
        keys = {"size", "multiple"} if there.input.size else {"height", "width"}
        return there.input.model_dump(include=keys)
    return _sides(file, (), None)


def _sides(file: OnnxFile, size: tuple[int, ...], multiple: int | None) -> dict[str, Any]:
    if not size:
        raise ModelError(
            f"{file.where}: it takes pictures of any size: pass --input-size, as in 640 (the longest side) or 480x640"
            " (height and width)"
        )
    if len(size) == 2:
        return {"height": size[0], "width": size[1]}
    return {"size": size[0], "multiple": multiple or _MULTIPLE}


def _head_of(wishes: Wishes, there: ModelCard | None) -> str | None:
    """What follows from the task, or from the model's other versions, if they have the same."""
    if wishes.task in HEADS:
        return wishes.task
    releases = there.versions.values() if there else ()
    names = {release.build.head if release.build else None for release in releases}
    return names.pop() if len(names) == 1 else None


def _card(wishes: Wishes, data: dict[str, Any], there: ModelCard | None) -> ModelCard:
    """With a digest that is still to be known."""
    release = {
        "sha256": _NO_DIGEST,
        "origin": wishes.origin,
        "licence": wishes.licence,
        **({"accuracy": wishes.accuracy} if wishes.accuracy else {}),
        **({"build": data.pop("build")} if "build" in data else {}),
    }
    if there is not None and there.input is not None and "input" in data:
        own = ImageInput.model_validate(data["input"])
        if own != there.input:
            release["input"] = own.model_dump(exclude_unset=True)
        data["input"] = there.input.model_dump(exclude_unset=True)
    try:
        return ModelCard.model_validate({"name": wishes.name, **data, "versions": {wishes.version: release}})
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the card'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False)
        ]
        raise ModelError(f"{wishes.name} {wishes.version}: {'; '.join(faults)}") from None


def _tried(file: OnnxFile, card: ModelCard, graph: bytes) -> Made:
    """The digest entered, the graph inspected and run."""
    (version,) = card.versions
    release = card.versions[version].model_copy(update={"sha256": hashlib.sha256(graph).hexdigest()})
    card = card.model_copy(update={"versions": {version: release}})
    outcome = prove(inspect(graph, f"{file.where}, as it is built" if release.build else file.where), card, version)
    return Made(card, graph, outcome)
