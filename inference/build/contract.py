"""What a graph that is served must look like, for its task."""

from collections.abc import Mapping

from inference.build.epilogue import MOST
from inference.build.onnx_file import OnnxFile
from inference.build.onnx_tensors import Tensor
from inference.build.trial import Outcome
from inference.repository.card import ModelCard

IMAGES = ("uint8", 4)
OUTPUTS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "detection": {"boxes": ("float32", 3), "scores": ("float32", 2), "labels": ("int64", 2), "counts": ("int64", 1)},
    "classification": {"scores": ("float32", 2)},
    "embedding": {"embeddings": ("float32", 2)},
}
"""Data type and number of axes, by task and name."""
LANDMARKS = ("float32", 3)
_SAME = 1e-2
"""What a batch may differ from its pictures alone: kernels for other sizes add in another order."""


def task_of(file: OnnxFile) -> str | None:
    """The task whose graph this is already; None: it is a raw network."""
    if [(tensor.name, tensor.dtype, _rank(tensor)) for tensor in file.inputs] != [("images", *IMAGES)]:
        return None
    found = {tensor.name: (tensor.dtype, _rank(tensor)) for tensor in file.outputs}
    return next((task for task, wanted in OUTPUTS.items() if wanted.items() <= found.items()), None)


def graph_faults(file: OnnxFile, card: ModelCard) -> list[str]:
    """What is wrong with the inputs and outputs that a file declares."""
    if card.task == "tensor":
        return []
    faults = []
    takes = {tensor.name: (tensor.dtype, _rank(tensor)) for tensor in file.inputs}
    if takes != {"images": IMAGES}:
        faults.append(f"its inputs are {', '.join(map(str, file.inputs))}, not images uint8 [N, H, W, 3]")
    wanted = dict(OUTPUTS[card.task])
    if card.landmarks:
        wanted["landmarks"] = LANDMARKS
    gives = {tensor.name: (tensor.dtype, _rank(tensor)) for tensor in file.outputs}
    for name, (dtype, rank) in wanted.items():
        if gives.get(name) != (dtype, rank):
            faults.append(f"it has no output {name} {dtype} with {rank} axes")
    return faults


def run_faults(outcome: Outcome, card: ModelCard, pictures: int) -> list[str]:
    """What is wrong with what a run on `pictures` of noise gave."""
    faults = [f"{name} is not finite" for name, given in outcome.outputs.items() if not given.finite]
    faults += [
        f"{name} of a batch differs from its pictures' alone by {given.apart:.0%}"
        for name, given in outcome.outputs.items()
        if given.apart > _SAME and name in ("scores", "embeddings")
    ]
    for name, shape in _shapes(card, pictures).items():
        found = outcome.outputs[name].shape if name in outcome.outputs else None
        if (
            found is None
            or len(found) != len(shape)
            or any(b not in (None, a) for a, b in zip(found, shape, strict=True))
        ):
            wanted = ", ".join("?" if length is None else str(length) for length in shape)
            faults.append(f"{name} came out as {list(found or ())}, not [{wanted}]")
    scores = outcome.outputs.get("scores")
    if scores and card.task != "tensor" and not (scores.least >= -1e-5 and scores.greatest <= 1 + 1e-5):
        faults.append(f"scores are {scores.least:.3g} to {scores.greatest:.3g}, not 0 to 1")
    labels = outcome.outputs.get("labels")
    if labels and card.task == "detection" and not 0 <= labels.least <= labels.greatest < len(card.labels):
        faults.append(f"labels are {labels.least:.0f} to {labels.greatest:.0f}, but there are {len(card.labels)}")
    return faults


def _shapes(card: ModelCard, pictures: int) -> Mapping[str, tuple[int | None, ...]]:
    if card.task == "detection":
        shapes: dict[str, tuple[int | None, ...]] = {
            "boxes": (pictures, MOST, 4),
            "scores": (pictures, MOST),
            "labels": (pictures, MOST),
            "counts": (pictures,),
        }
        return {**shapes, "landmarks": (pictures, MOST, 2 * len(card.landmarks))} if card.landmarks else shapes
    if card.task == "classification":
        return {"scores": (pictures, len(card.labels))}
    return {"embeddings": (pictures, None)} if card.task == "embedding" else {}


def _rank(tensor: Tensor) -> int | None:
    return None if tensor.shape is None else len(tensor.shape)
