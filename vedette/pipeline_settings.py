"""What is done with the frames of cameras."""

from typing import Annotated

from pydantic import Field

from vedette.guard_settings import Guard
from vedette.sampling_settings import Sampling
from vedette.settings import Fraction, Settings


class FrameSize(Settings):
    """The picture that a pipeline works on."""

    width: Annotated[int, Field(ge=32, le=7680)] = 640
    """Pixels; the height follows from the stream. Never upscaled. Default 640."""
    quality: Annotated[int, Field(ge=10, le=100)] = 85
    """JPEG quality. Default 85."""


class Stage(Settings):
    """A model's place in a pipeline."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(@\S+)?$")]
    """A model and which version: `coco-detector`, `coco-detector@1.0.0`, `coco-detector@^1`."""
    labels: tuple[str, ...] | None = None
    """Only these labels. Default: all of the model's."""
    confidence: Fraction | None = None
    """Only detections at or above this. Default: the model's own threshold."""

    @property
    def model_name(self) -> str:
        return self.model.partition("@")[0]


class Pipeline(Settings):
    """What is done with a camera's frames."""

    frame: FrameSize = FrameSize()
    sampling: Sampling = Sampling(fps=2)
    """For cameras that don't say their own. Default fps 2."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=1)]
    """The models; one, in this version."""
    guard: Guard | None = None
    """What is measured and expected of the pictures. Default: nothing, and messages have no `input`."""

    @property
    def model_name(self) -> str:
        return self.stages[0].model_name
