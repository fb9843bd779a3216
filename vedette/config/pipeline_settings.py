"""What is done with the frames of cameras."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from vedette.config.guard_settings import Guard
from vedette.config.sampling_settings import Sampling
from vedette.config.settings import Fraction, Settings
from vedette.ids import Id

MOST_STAGES = 8
MODEL, IDENTITIES = "model stage", "identities stage"
"""The kinds of stages, as pydantic's errors name them: no keys of a file."""


class FrameSize(Settings):
    """The picture that a pipeline works on."""

    width: Annotated[int, Field(ge=32, le=7680)] = 640
    """Pixels; the height follows from the stream. Never upscaled. Default 640."""
    quality: Annotated[int, Field(ge=10, le=100)] = 85
    """JPEG quality. Default 85."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Labels = Annotated[tuple[str, ...], Field(min_length=1, max_length=64), BeforeValidator(_listed)]
"""A label, or a list of them."""


class Stage(Settings):
    """A model's place in a pipeline."""

    model_config = ConfigDict(serialize_by_alias=True)

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(@\S+)?$")]
    """A model and which version: `coco-detector`, `coco-detector@1.0.0`, `coco-detector@^1`."""
    on: Labels | None = None
    """On crops of detections with this label, or one of these: needed of every stage but the first, which has none."""
    as_: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = Field(default=None, alias="as")
    """The attribute that a classifier's answer becomes. Default: what the model's card says."""
    labels: tuple[str, ...] | None = None
    """Only these labels. Default: all of the model's."""
    confidence: Fraction | None = None
    """Only answers at or above this. Default: the model's own threshold."""

    @property
    def model_name(self) -> str:
        return self.model.partition("@")[0]

    @property
    def name(self) -> str:
        """As a message's `incomplete` has it."""
        return self.as_ or self.model_name


class IdentitiesStage(Settings):
    """Whose faces they are: an earlier stage's vectors against a gallery. Runs in the worker of the first stage."""

    identities: Id
    """The gallery."""
    on: Labels
    """For detections with this label, or one of these."""

    @property
    def name(self) -> str:
        """As a message's `incomplete` has it."""
        return self.identities


def _kind(value: Any) -> str:
    there = "identities" in value if isinstance(value, dict) else isinstance(value, IdentitiesStage)
    return IDENTITIES if there else MODEL


AnyStage: TypeAlias = Annotated[
    Annotated[Stage, Tag(MODEL)] | Annotated[IdentitiesStage, Tag(IDENTITIES)], Discriminator(_kind)
]


class Pipeline(Settings):
    """What is done with a camera's frames."""

    frame: FrameSize = FrameSize()
    sampling: Sampling = Sampling(fps=2)
    """For cameras that don't say their own. Default fps 2."""
    stages: Annotated[tuple[AnyStage, ...], Field(min_length=1, max_length=MOST_STAGES)]
    """The models: the first sees the frames, the others crops of what was found (`on`). At most 8."""
    guard: Guard | None = None
    """What is measured and expected of the pictures. Default: nothing, and messages have no `input`."""

    @property
    def detector(self) -> Stage:
        """The first stage."""
        first = self.stages[0]
        if not isinstance(first, Stage):
            raise TypeError("the first stage is a model")  # a configuration that was checked has it so
        return first

    @property
    def further(self) -> tuple[Stage | IdentitiesStage, ...]:
        """The stages that see crops."""
        return self.stages[1:]

    @property
    def models(self) -> tuple[Stage, ...]:
        """The stages that are models."""
        return tuple(stage for stage in self.stages if isinstance(stage, Stage))

    @property
    def model_name(self) -> str:
        """The detector's."""
        return self.detector.model_name

    @property
    def model_names(self) -> tuple[str, ...]:
        """Of all stages, each once, in order."""
        return tuple(dict.fromkeys(stage.model_name for stage in self.models))
