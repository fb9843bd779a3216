"""What a version takes and gives, as the protocol says it; requests are checked against it."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from numpy.typing import NDArray

from inference.repository.card import ImageInput
from inference.runtime.rows import Row, TensorSpec
from inference.served_version import ServedVersion
from inference.serving.refusal import Refused
from inference.serving.v2.asked import Asked, Output, Tensor
from inference.serving.v2.datatypes import NAMES

MAX_ROWS = 128
"""Of one request: a quarter of what the lane holds."""
_MAX_KNOWN = 256

Signature = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Name, datatype and shape of each input."""


class Contract:
    """One version's. Clients send the same shapes again and again: those that were found good are remembered."""

    def __init__(self, found: ServedVersion) -> None:
        tensors, model = found.tensors, found.model
        self._batched = tensors.batched
        self._inputs = tensors.inputs
        self._outputs = tensors.outputs
        self._picture = None if model.card.task == "tensor" else model.card.input_of(model.version)
        self._places: dict[Signature, tuple[int, ...]] = {}

    def row(self, inputs: Sequence[Tensor]) -> Row:
        """The arrays in the graph's order, with their batch axis. Raises Refused where the model does not take them."""
        signature = tuple([(tensor.name, tensor.datatype, tensor.array.shape) for tensor in inputs])
        places = self._places.get(signature)
        if places is None:
            places = self._check(inputs)
            if len(self._places) < _MAX_KNOWN:
                self._places[signature] = places
        return tuple([inputs[place].array for place in places])

    def outputs(self, asked: Asked) -> list[tuple[Output, int]]:
        """What is asked for, and its place among the graph's outputs. Raises Refused."""
        if not asked.outputs:
            return [(Output(spec.name, asked.binary), place) for place, spec in enumerate(self._outputs)]
        names = [spec.name for spec in self._outputs]
        wanted = [output.name for output in asked.outputs]
        for name in wanted:
            if name not in names:
                raise Refused("invalid", f"{name[:64]} is no output; there are {', '.join(names)}")
        if len(set(wanted)) != len(wanted):
            raise Refused("invalid", "an output is asked for twice")
        return [(output, names.index(output.name)) for output in asked.outputs]

    def _check(self, inputs: Sequence[Tensor]) -> tuple[int, ...]:
        """Where each of the graph's inputs is among `inputs`."""
        places = {tensor.name: place for place, tensor in enumerate(inputs)}
        if len(places) != len(inputs) or places.keys() != {spec.name for spec in self._inputs}:
            has = ", ".join(tensor.name[:64] for tensor in inputs[:16]) or "none"
            raise Refused("invalid", f"the inputs are {', '.join(spec.name for spec in self._inputs)}, not {has}")
        for spec in self._inputs:
            self._check_tensor(spec, inputs[places[spec.name]])
        arrays = [tensor.array for tensor in inputs]
        if self._batched:
            _check_rows([len(array) for array in arrays])
        if self._picture is not None:
            _check_picture(self._picture, *arrays[0].shape[1:3])
        return tuple(places[spec.name] for spec in self._inputs)

    def _check_tensor(self, spec: TensorSpec, tensor: Tensor) -> None:
        array: NDArray[Any] = tensor.array
        if array.dtype != spec.dtype:
            raise Refused("invalid", f"{spec.name}: datatype is {NAMES[spec.dtype]}, not {tensor.datatype}")
        wanted = shape_of(spec, self._batched)
        fits = array.ndim == len(wanted) and all(
            has > 0 and length in (-1, has) for has, length in zip(array.shape, wanted, strict=True)
        )
        if not fits:
            raise Refused("invalid", f"{spec.name}: shape is {wanted}, not {list(array.shape)}")


_CONTRACTS: WeakKeyDictionary[ServedVersion, Contract] = WeakKeyDictionary()


def contract_of(found: ServedVersion) -> Contract:
    """The contract of a version that has been loaded."""
    contract = _CONTRACTS.get(found)
    if contract is None:
        contract = _CONTRACTS[found] = Contract(found)
    return contract


def shape_of(spec: TensorSpec, batched: bool) -> list[int]:
    """With the batch axis where there is one; -1 is any length."""
    lengths = (None, *spec.shape) if batched else spec.shape
    return [-1 if length is None else length for length in lengths]


def _check_rows(rows: list[int]) -> None:
    if len(set(rows)) > 1:
        raise Refused("invalid", f"the inputs have different numbers of rows: {rows}")
    if rows[0] > MAX_ROWS:
        raise Refused("invalid", f"{rows[0]} rows are more than the {MAX_ROWS} that one request may have")


def _check_picture(wanted: ImageInput, height: int, width: int) -> None:
    """The graph may take any size; the card says which are meant."""
    if not wanted.takes(height, width) or (wanted.size is not None and max(height, width) > wanted.size):
        sizes = f"at most {wanted.size} pixels a side, in multiples of {wanted.multiple}"
        raise Refused("invalid", f"a picture of {width}x{height} is not what the model takes: {sizes}")
