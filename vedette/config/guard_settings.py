"""A pipeline's `guard:`: what its pictures should be like, and what becomes of those that are not."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vedette.config.settings import Flag, Fraction, Settings

Reason = Literal["small", "large", "aspect", "dark", "bright", "blurred"]

_Pixels = Annotated[int, Field(ge=1, le=16384)]
_Luminance = Annotated[float, Field(ge=0, le=255)]
_Ratio = Annotated[float, Field(gt=0, le=100)]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("must be [least, most]")
    return bounds


class Squeeze(Settings):
    """The adversarial check: the model's answers on a picture and on squeezed copies of it must agree."""

    share: Fraction = 0.01
    """Of the frames that are checked; each costs two further inferences. Default 0.01."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Of the disagreement, 0 to 1, from which on a picture is suspect. Default 0.4."""


class Guard(Settings):
    """Left out, a check is not made; luminance, sharpness and hash are measured all the same."""

    min_size: tuple[_Pixels, _Pixels] | None = None
    """Width and height of the picture that is inferred, in pixels. A pipeline's `frame.width` is its most."""
    max_size: tuple[_Pixels, _Pixels] | None = None
    """Width and height, in pixels."""
    aspect: Annotated[tuple[_Ratio, _Ratio], AfterValidator(_ordered)] | None = None
    """Least and most of width / height: `[1.7, 1.8]`."""
    luminance: Annotated[tuple[_Luminance, _Luminance], AfterValidator(_ordered)] | None = None
    """Least and most of the mean luma, 0 to 255: `[10, 245]`. Outside, the reason is `dark` or `bright`."""
    sharpness: Annotated[float, Field(ge=0, le=65025)] | None = None
    """Least variance of the Laplacian; below, the reason is `blurred`. It depends on the scene: look at what the
    messages say while the camera is in focus."""
    reject: tuple[Reason, ...] = ("small", "large", "aspect")
    """The reasons for which a picture is rejected; for others it is suspect. Default [small, large, aspect]."""
    infer_rejected: Flag = False
    """true: rejected pictures are inferred all the same. Default false: they have no detections."""
    squeeze: Squeeze | None = None
    """Default: not checked."""
