"""Which frames of a stream are looked at."""

from typing import Annotated

from pydantic import Field, model_validator

from vedette.config.settings import Flag, Settings


class Sampling(Settings):
    """Which frames of a stream are looked at."""

    fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """Frames a second; above the source's own rate every frame is taken."""
    min_fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """While workers are behind, the rate is lowered down to this, before frames are made in vain. Default fps / 20."""
    max_fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """While something happens in the picture, and workers have time for it. Default fps."""
    keyframes: Flag = False
    """Only the stream's keyframes, whenever they come."""

    @model_validator(mode="after")
    def _consistent(self) -> "Sampling":
        if self.keyframes == (self.fps is not None):
            raise ValueError("needs one of both: fps, or keyframes: true")
        if self.fps is None and (self.min_fps or self.max_fps):
            raise ValueError("min_fps and max_fps need fps")
        if self.fps is not None and not (self.min_fps or self.fps) <= self.fps <= (self.max_fps or self.fps):
            raise ValueError("must be min_fps <= fps <= max_fps")
        return self
