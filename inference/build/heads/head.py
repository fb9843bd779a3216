"""What a head is: the meaning of a network's raw outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from inference.build.network import Network
from inference.repository.card import Channels, Colour, Fit, ImageInput

Shape = tuple[int, ...]


class Unfit(Exception):
    """The raw outputs are not this head's; the text says why, or what to pass."""


class Options(BaseModel):
    """A head's own options, in the card under `build.options`. Unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Raw:
    """What a network gave for one picture, which a head may recognise."""

    outputs: Mapping[str, Shape]
    height: int
    """Of the picture, pixels."""
    width: int
    classes: int | None
    """How many labels there are; None: nobody has said."""

    def cells(self, strides: Sequence[int]) -> int:
        """Of the grids of these strides together."""
        return sum(-(-self.height // stride) * -(-self.width // stride) for stride in strides)

    def require(self, name: str, *shape: int | None) -> None:
        """That there is such an output; None is any length. Raises Unfit."""
        found = self.outputs.get(name)
        if found is None:
            raise Unfit(f"it has no output {name!r}")
        fits = len(found) == len(shape) and all(want in (None, has) for has, want in zip(found, shape, strict=True))
        if not fits:
            wanted = ", ".join("?" if length is None else str(length) for length in shape)
            raise Unfit(f"{name} is {list(found)}, not [{wanted}]")

    def only(self, rank: int) -> tuple[str, Shape]:
        """The one output there is. Raises Unfit."""
        if len(self.outputs) != 1:
            raise Unfit(f"it has one output, not {len(self.outputs)}")
        ((name, shape),) = self.outputs.items()
        if len(shape) != rank:
            raise Unfit(f"its output has {rank} axes, not {list(shape)}")
        return name, shape


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be built."""

    network: Network
    spec: ImageInput
    classes: int
    landmarks: int

    def columns(self, output: str, called: str, values: int, cells: str = "A") -> tuple[tuple[str, str], str]:
        """The raw output [N, cells, values] as `called` [N, values, cells]: its input of a Decoding, and a line.

        Where the network ends in a Transpose it is cut off instead of done twice.
        """
        if (before := self.network.columns(output)) is not None:
            return (before, f"float[N, {values}, {cells}] {called}"), ""
        turn = f"    {called} = Transpose <perm = [0, 2, 1]> ({called}_rows)"
        return (output, f"float[N, {cells}, {values}] {called}_rows"), turn

    def least_cells(self, strides: Sequence[int]) -> int:
        """In the smallest input that the graph takes."""
        height, width = self.spec.smallest
        return sum((height // stride) * (width // stride) for stride in strides)

    def divides(self, stride: int) -> bool:
        """Whether every input consists of whole cells of this stride."""
        sides = (self.spec.multiple,) if self.spec.size else (self.spec.height or 0, self.spec.width or 0)
        return all(side % stride == 0 for side in sides)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Text that decodes. For the tasks without boxes it ends in the output itself. For detections it makes

    - `corner` [N, 4, A]: x1, y1, x2, y2 in input pixels;
    - `likely` [N, C, A], a score for each class, or `strength` [N, A] and `class` int64 [N, A];
    - `points` [N, A, 2 * k], where there are landmarks;

    and the constant `xyxy` int64 [4], {1, 0, 1, 0}, is among its own.
    """

    inputs: Sequence[tuple[str, str]]
    """(raw output or value within the network, declaration of what it is called in the text)"""
    constants: Sequence[str]
    body: str
    """It may use `size` int64 [2], height and width of the input."""
    scores: str = ""
    """What is still to be done when the boxes have been clipped."""
    overlaps: bool = True
    """Whether weaker boxes that overlap are still to be taken out."""
    labelled: bool = False
    """Whether there are `strength` and `class` instead of `likely`."""
    least: int = 0
    """How many scores there are at least; 0: nobody knows."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How the head's networks are usually trained; what a card begins with."""

    colour: Colour = "RGB"
    mean: Channels = (0, 0, 0)
    deviation: Channels = (255, 255, 255)
    fit: Fit = "letterbox"
    anchor: Literal["centre", "top-left"] = "centre"
    pad: int = 114
    score: float = 0.25
    iou: float = 0.45
    multiple: int = 32


@dataclass(frozen=True, slots=True)
class Head:
    """One kind of raw outputs."""

    name: str
    task: Literal["detection", "classification", "embedding"]
    preset: Preset
    options: type[Options]
    recognise: Callable[[Raw, Mapping[str, Any]], Options]
    """The options for outputs of these shapes, some of which are given. Raises Unfit."""
    decode: Callable[[Any, Target], Decoding]
    labels: tuple[str, ...] = ()
    """Where all its networks have the same."""
    landmarks: tuple[str, ...] = ()
