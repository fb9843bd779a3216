"""That a graph is what its card says: looked at, and run."""

from inference.build.contract import graph_faults, run_faults
from inference.build.onnx_file import OnnxFile
from inference.build.trial import Outcome, Run, attempt
from inference.errors import ModelError
from inference.repository.card import ImageInput, ModelCard

_BATCH = 3


def prove(file: OnnxFile, card: ModelCard, version: str) -> Outcome:
    """What a run on one picture of noise, in the usual size, gave. Raises ModelError with everything that is wrong.

    Where the card allows batches, one is run too, and compared with its pictures one by one.
    """
    if faults := graph_faults(file, card):
        raise ModelError(f"{file.where}: {'; '.join(faults)}")
    pictures = [1] if card.batch.max == 1 else [1, min(_BATCH, card.batch.max)]
    if card.task == "tensor":
        runs = [Run(_tensors(file, count), count > 1) for count in pictures]
    else:
        sizes = _sizes(card.input_of(version))
        runs = [
            Run({"images": ("uint8", (count, height, width, 3))}, count > 1)
            for height, width in sizes
            for count in pictures
        ]
    outcomes = attempt(file.data, runs, file.where)
    for run, outcome in zip(runs, outcomes, strict=True):
        rows = next(iter(run.inputs.values()))[1][0] if run.inputs else 1
        if faults := run_faults(outcome, card, rows):
            shapes = ", ".join(f"{name} {list(shape)}" for name, (_, shape) in run.inputs.items())
            raise ModelError(f"{file.where}: run on {shapes}: {'; '.join(faults)}")
    return outcomes[0]


def _sizes(spec: ImageInput) -> list[tuple[int, int]]:
    """The usual one first, then the smallest."""
    if spec.size is None:
        return [spec.smallest]
    return [(spec.size, spec.size), *([spec.smallest] if spec.multiple > 1 else [])]


def _tensors(file: OnnxFile, rows: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    inputs = {}
    for tensor in file.inputs:
        if tensor.shape is None:
            raise ModelError(f"{file.where}: the shape of its input {tensor.name} is unknown")
        shape = [length if isinstance(length, int) else 1 for length in tensor.shape]
        if rows > 1 and shape:
            shape[0] = rows
        inputs[tensor.name] = (tensor.dtype, tuple(shape))
    return inputs
