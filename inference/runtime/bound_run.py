"""Runs with inputs and outputs bound to memory of the device, made once for each shape: ONNX Runtime's I/O binding.

`InferenceSession.run` allocates on the device and copies for every run. Here a batch is copied once, from the
page-locked memory it was put together in, into its place on the device, and outputs have theirs as far as their
lengths are known before the run. See https://onnxruntime.ai/docs/performance/tune-performance/iobinding.html.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.runtime.rows import TensorSpec

MAX_BINDINGS = 64
"""Batch sizes times shapes of pictures."""

_Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Binding:
    binding: Any
    inputs: Sequence[Any]
    outputs: Mapping[str, Any]
    """Those with memory of their own."""


class BoundRun:
    """For one thread. Works with memory of the CPU, too (`memory` is `cuda` or `cpu`), where it gains nothing."""

    def __init__(
        self,
        session: Any,
        memory: str,
        index: int,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        batched: bool,
    ) -> None:
        self._session, self._memory, self._index = session, memory, index
        self._inputs, self._outputs, self._batched = inputs, outputs, batched
        self._bindings: OrderedDict[_Shapes, _Binding] = OrderedDict()

    def __call__(self, batch: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """An array for each output, in memory of its own. Raises whatever the runtime raises."""
        bound = self._bound(tuple(array.shape for array in batch))
        for value, array in zip(bound.inputs, batch, strict=True):
            value.update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(bound.binding)
        made = dict(zip((spec.name for spec in self._outputs), bound.binding.get_outputs(), strict=True))
        # `numpy()` of CPU memory is a view of what the next run writes to
        return [np.array(bound.outputs.get(spec.name, made[spec.name]).numpy()) for spec in self._outputs]

    def _bound(self, shapes: _Shapes) -> _Binding:
        if shapes not in self._bindings:
            self._bindings[shapes] = self._bind(shapes)
            if len(self._bindings) > MAX_BINDINGS:
                self._bindings.popitem(last=False)
        self._bindings.move_to_end(shapes)
        return self._bindings[shapes]

    def _bind(self, shapes: _Shapes) -> _Binding:
        binding, inputs, outputs = self._session.io_binding(), [], {}
        for spec, shape in zip(self._inputs, shapes, strict=True):
            inputs.append(self._empty(spec, shape))
            binding.bind_ortvalue_input(spec.name, inputs[-1])
        rows = shapes[0][:1] if self._batched and shapes else ()
        for spec in self._outputs:
            known = [length for length in spec.shape if length is not None]
            if len(known) == len(spec.shape):
                outputs[spec.name] = self._empty(spec, (*rows, *known))
                binding.bind_ortvalue_output(spec.name, outputs[spec.name])
            else:
                binding.bind_output(spec.name, self._memory, self._index)
        return _Binding(binding, inputs, outputs)

    def _empty(self, spec: TensorSpec, shape: tuple[int, ...]) -> Any:
        from onnxruntime import OrtValue

        return OrtValue.ortvalue_from_shape_and_type(list(shape), spec.dtype.type, self._memory, self._index)
