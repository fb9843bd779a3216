"""What a model wants of a detection in a cascade, and what its answer becomes: the card's `crop` and `attribute`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FACE_POINTS = 5
"""Landmarks by which a face is aligned."""


class Crop(BaseModel):
    """How its pictures are cut out of a frame. Either `enlarge` or `align`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enlarge: float | None = Field(default=None, ge=1, le=10)
    """The detection's box by this factor about its middle; what lies beyond the frame repeats its border pixels."""
    align: Literal["face"] | None = None
    """Five landmarks laid on ArcFace's reference points in 112x112."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.enlarge is None) == (self.align is None):
            raise ValueError("either enlarge or align")
        return self


AS_IT_IS = Crop(enlarge=1.0)
"""Of cards that say nothing."""


class Attribute(BaseModel):
    """What a classifier's answer becomes in a detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """A stage's `as` says another one."""
    score: str | None = None
    """The value is the score of this label, 0 to 1. Default: the value is the likeliest label."""
