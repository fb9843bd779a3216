"""A model's card: `model.yaml`, which says what the model is and what its files must be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from inference.errors import ModelError

NAME = r"[a-z0-9][a-z0-9_-]{0,62}"
VERSION = r"(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})"
MAX_CARD_BYTES = 1 << 20

Label = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageInput(_Entry):
    """What pictures the graph takes; uint8."""

    size: int = Field(ge=32, le=4096)
    """The longest side, pixels."""
    multiple: int = Field(ge=1, le=256)
    """Both sides are multiples of it, pixels."""
    layout: Literal["NHWC"]
    colour: Literal["BGR"]
    pad: int = Field(ge=0, le=255)
    """What the channels hold where there is no picture."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size % self.multiple:
            raise ValueError(f"size {self.size} is not a multiple of {self.multiple}")
        return self


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


class Release(_Entry):
    """One version's file and where it comes from."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of `model.onnx`."""
    origin: Prose
    licence: Prose
    accuracy: Prose | None = None
    """What is known of it and by whom it was measured."""


class ModelCard(_Entry):
    """The whole card. Unknown keys are refused."""

    name: str = Field(pattern=f"^{NAME}$")
    task: Literal["detection"]
    labels: tuple[Label, ...] = Field(min_length=1, max_length=10_000)
    """In the order of the graph's label indices."""
    input: ImageInput
    thresholds: Thresholds
    batch: BatchLimits
    versions: Mapping[Annotated[str, StringConstraints(pattern=f"^{VERSION}$")], Release] = Field(min_length=1)
    """By semantic version."""

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if twice:
            raise ValueError(f"labels are named twice: {', '.join(twice)}")
        return self

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
