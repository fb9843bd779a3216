"""A model's card: `model.yaml`, which says what the model is and what its files must be."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from inference.errors import ModelError
from inference.repository.crop import Attribute, Crop
from inference.rollout.settings import Rollout

NAME = r"[a-z0-9][a-z0-9_-]{0,62}"
VERSION = r"(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})"
MAX_CARD_BYTES = 1 << 20

Label = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Task = Literal["detection", "classification", "embedding", "tensor"]
Colour = Literal["BGR", "RGB"]
"""The order of the channels."""
Fit = Literal["letterbox", "stretch", "crop"]
"""How a picture of another aspect becomes the input: a border, distortion, or the longer side's ends cut off."""
Channels = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageInput(_Entry):
    """What pictures the graph takes; uint8. Either of a free size (`size`) or of one size (`height` and `width`)."""

    size: int | None = Field(default=None, ge=32, le=4096)
    """The longest side, pixels; the other follows from the picture."""
    multiple: int = Field(default=1, ge=1, le=256)
    """Both sides are multiples of it, pixels."""
    height: int | None = Field(default=None, ge=1, le=4096)
    """The only one that the graph takes, pixels."""
    width: int | None = Field(default=None, ge=1, le=4096)
    layout: Literal["NHWC"]
    colour: Colour
    fit: Fit = "letterbox"
    anchor: Literal["centre", "top-left"] = "centre"
    """Where a letterboxed picture lies; what is cut off is cut off on both sides."""
    pad: int = Field(default=0, ge=0, le=255)
    """What the channels hold where there is no picture."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.height is None) != (self.width is None):
            raise ValueError("height and width need each other")
        if (self.size is None) == (self.height is None):
            raise ValueError("either size (the longest side) or height and width")
        if self.size is None:
            if "multiple" in self.model_fields_set:
                raise ValueError("multiple is for inputs of a free size")
            return self
        if self.size % self.multiple:
            raise ValueError(f"size {self.size} is not a multiple of {self.multiple}")
        if self.fit != "letterbox":
            raise ValueError(f"fit {self.fit} needs height and width")
        return self

    @property
    def smallest(self) -> tuple[int, int]:
        """(height, width) of the smallest input that the graph takes."""
        return (self.height, self.width) if self.height and self.width else (self.multiple, self.multiple)

    def takes(self, height: int, width: int) -> bool:
        """Whether the graph takes an input of this size."""
        if self.size is None:
            return (height, width) == (self.height, self.width)
        return height > 0 and width > 0 and height % self.multiple == 0 and width % self.multiple == 0


class Thresholds(_Entry):
    """The graph's constants; a pipeline filters further by its own confidence."""

    score: float = Field(gt=0, lt=1)
    iou: float = Field(gt=0, le=1)
    """Of two boxes of one class that overlap more, the weaker goes."""


class BatchLimits(_Entry):
    """How the batcher may fill a batch."""

    max: int = Field(ge=1, le=256)
    """Images."""
    max_delay_ms: float = Field(ge=0, le=1000)
    """How long the oldest may wait for others."""


class Build(_Entry):
    """How a version was made from the file as it was published, so that it can be made again."""

    head: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    """What its raw outputs mean; docs/models.md lists them."""
    sha256: Digest
    """Of the raw file."""
    mean: Channels = (0, 0, 0)
    """Taken from the channels, in the order of `colour`, 0 to 255."""
    deviation: Channels = (1, 1, 1)
    """By which what is left is divided."""
    options: Mapping[str, Any] = {}
    """The head's own."""

    @field_validator("deviation")
    @classmethod
    def _divides(cls, deviation: tuple[float, ...]) -> tuple[float, ...]:
        if not all(channel > 0 for channel in deviation):
            raise ValueError("every channel's is over 0")
        return deviation


class Release(_Entry):
    """One version's file and where it comes from."""

    sha256: Digest
    """Of `model.onnx`."""
    origin: Prose
    licence: Prose
    accuracy: Prose | None = None
    """What is known of it and by whom it was measured."""
    input: ImageInput | None = None
    """Where it is another than the card's."""
    build: Build | None = None


class ModelCard(_Entry):
    """The whole card. Unknown keys are refused."""

    name: str = Field(pattern=f"^{NAME}$")
    task: Task
    labels: tuple[Label, ...] = Field(default=(), max_length=10_000)
    """In the order of the graph's label indices, or of its scores."""
    landmarks: tuple[Label, ...] = Field(default=(), max_length=512)
    """The points of a detection that the graph gives in addition to its box, in order."""
    input: ImageInput | None = None
    """None for tensors."""
    thresholds: Thresholds | None = None
    """Of a detector."""
    crop: Crop | None = None
    """How it is fed in a cascade. Default: the detection's box as it is."""
    attribute: Attribute | None = None
    """Of a classifier, what its answer is called in a cascade. Default: the model's name."""
    batch: BatchLimits
    versions: Mapping[Annotated[str, StringConstraints(pattern=f"^{VERSION}$")], Release] = Field(min_length=1)
    """By semantic version."""
    rollout: Rollout | None = None
    """What the versions are for, while nobody has said otherwise by command or API. Default: the newest serves."""

    @model_validator(mode="after")
    def _rolls_out_what_is_there(self) -> Self:
        if missing := sorted(set(self.rollout.versions if self.rollout else ()) - set(self.versions)):
            raise ValueError(f"rollout: there is no version {' and no '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if twice:
            raise ValueError(f"labels are named twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Each task has what its clients need, and nothing that its graph can't have."""
        needed = _NEEDED[self.task]
        inputs = [self.input, *(release.input for release in self.versions.values())]
        there = {
            "labels": bool(self.labels),
            "landmarks": bool(self.landmarks),
            "input": any(inputs),
            "thresholds": self.thresholds is not None,
            "crop": self.crop is not None,
            "attribute": self.attribute is not None,
        }
        if missing := sorted(key for key in needed if not there[key]):
            raise ValueError(f"{self.task} needs {' and '.join(missing)}")
        optional = _OPTIONAL[self.task]
        if extra := sorted(key for key in there if there[key] and key not in needed | optional):
            raise ValueError(f"{self.task} has no {' and no '.join(extra)}")
        if needed and self.input is None:
            raise ValueError("input: is missing; a version's own stands in its place for that version alone")
        if self.attribute and self.attribute.score is not None and self.attribute.score not in self.labels:
            raise ValueError(f"attribute: there is no label {self.attribute.score!r}")
        return self

    def input_of(self, version: str) -> ImageInput:
        """What pictures a version takes. Raises ModelError if it takes none, but tensors."""
        found = self.versions[version].input or self.input
        if found is None:
            raise ModelError(f"{self.name} takes tensors, not pictures")
        return found

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a card. Raises ModelError, whose text names the file and every key at fault."""
        try:
            with path.open("rb") as file:
                return cls.parse(file.read(MAX_CARD_BYTES + 1), str(path))
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}") from error

    @classmethod
    def parse(cls, text: bytes, where: str) -> Self:
        """The card that `text` is; `where` it was found begins the text of a ModelError."""
        data = _plain(text, where)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            faults = [_fault(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False)]
            raise ModelError(f"{where}: {'; '.join(faults)}") from None


_NEEDED: Mapping[str, Set[str]] = {
    "detection": {"labels", "input", "thresholds"},
    "classification": {"labels", "input"},
    "embedding": {"input"},
    "tensor": set(),
}
_OPTIONAL: Mapping[str, Set[str]] = {
    "detection": {"landmarks", "crop"},
    "classification": {"crop", "attribute"},
    "embedding": {"crop"},
    "tensor": set(),
}


def _plain(text: bytes, where: str) -> object:
    """The YAML 1.2 document as plain data: no tags that construct objects, no duplicate keys."""
    if len(text) > MAX_CARD_BYTES:
        raise ModelError(f"{where}: longer than {MAX_CARD_BYTES} bytes")
    try:
        data: object = YAML(typ="safe", pure=True).load(text.decode())
    except (YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{where}: not a YAML document: {error}") from error
    return data


def _fault(place: tuple[int | str, ...], message: str) -> str:
    key = ".".join(str(part) for part in place) or "the card"
    return f"{key}: {message.removeprefix('Value error, ')}"
