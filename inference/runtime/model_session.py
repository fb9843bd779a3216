"""A model in ONNX Runtime: the one typed wrapper round a package that ships no types."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inference.errors import BatchFailed
from inference.repository.folder import Model
from inference.runtime.bound_run import BoundRun
from inference.runtime.devices import Device
from inference.runtime.graph_face import is_batched, spec_of
from inference.runtime.pinned import pinned
from inference.runtime.placement import Placement
from inference.runtime.rows import Row

if TYPE_CHECKING:  # at run time it is imported when a session is opened: 0.14 s, and its absence has its own message
    from onnxruntime import InferenceSession

_REFUSALS = ("INVALID_ARGUMENT", "Got invalid dimensions", "Invalid rank")


class ModelSession:
    """A loaded model on one device. `run` may be called from any thread, from one at a time."""

    def __init__(
        self, model: Model, device: str, session: "InferenceSession", bound: bool = False, padded: bool = False
    ) -> None:
        """`bound`: through memory of the device that is kept (strings have none)."""
        self.model = model
        self.device = device
        """Where it really runs: `cpu`, `cuda:<index>`, `tensorrt:<index>`."""
        self.padded = padded
        """Whether batches are best filled up to a size that was warmed: a GPU looks for algorithms anew for each."""
        self.placement: Placement | None = None
        """Of its nodes, where it was looked at."""
        self._session = session
        self.batched = is_batched(session)
        """Whether rows are stacked along a first axis of any length; else a run takes one row, as it is."""
        self.inputs = tuple(spec_of(model, value, self.batched) for value in session.get_inputs())
        self.outputs = tuple(spec_of(model, value, self.batched) for value in session.get_outputs())
        self._names = [spec.name for spec in self.outputs]
        self._bound = None
        if bound and not any(spec.dtype.hasobject for spec in (*self.inputs, *self.outputs)):
            place = Device.parse(device)
            memory = "cpu" if place.kind == "cpu" else "cuda"
            self._bound = BoundRun(session, memory, place.index, self.inputs, self.outputs, self.batched)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory to put batches together in, from which the device takes them fastest."""
        return np.empty(shape, dtype) if self.device == "cpu" else pinned(shape, dtype)

    def run(self, batch: Sequence[NDArray[Any]]) -> list[Row]:
        """Run a batch: an array [N, …] for each input (the row's own where the model is not `batched`); a row of
        outputs for each row.

        Raises ValueError for what the model does not take, BatchFailed if the runtime fails.
        """
        if len(batch) != len(self.inputs):
            raise ValueError(f"the model has {len(self.inputs)} inputs, not {len(batch)}")
        try:
            outputs = self._outputs_of(batch)
        except Exception as error:  # the runtime's own have no other common class
            what = f"{self.model.card.name} on {self.device}, shape {[array.shape for array in batch]}: {error}"
            if _is_about_the_batch(error):
                raise ValueError(what) from error
            raise BatchFailed(what) from error
        if not self.batched:
            return [tuple(outputs)]
        rows = len(batch[0])
        if any(len(array) != rows for array in outputs):
            raise BatchFailed(f"{self.model.card.name}: an output has not one entry for each of {rows} rows")
        return list(zip(*outputs, strict=True))

    def _outputs_of(self, batch: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        if self._bound is not None:
            return self._bound(batch)
        feeds = {spec.name: array for spec, array in zip(self.inputs, batch, strict=True)}
        outputs: Sequence[NDArray[Any]] = self._session.run(self._names, feeds)
        return outputs


def _is_about_the_batch(error: Exception) -> bool:
    """A run with bindings says in its text alone what kind of failure it was."""
    return type(error).__name__ == "InvalidArgument" or any(text in str(error) for text in _REFUSALS)
