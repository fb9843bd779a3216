"""What the events worker goes by: a camera's `zones:`, `lines:` and `masks:`, and `events:` of the site."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vedette.config.settings import Fraction, Settings
from vedette.config.snapshots_settings import Snapshots
from vedette.config.tls_settings import ServerTls
from vedette.geometry import check_line, check_polygon

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
_Point = tuple[Fraction, Fraction]


def _polygon(corners: tuple[_Point, ...]) -> tuple[_Point, ...]:
    check_polygon(corners)
    return corners


_Polygon = Annotated[tuple[_Point, ...], Field(min_length=3, max_length=100), AfterValidator(_polygon)]
Anchor = Literal["bottom", "centre"]


class _Filtered(Settings):
    """Which objects count."""

    labels: tuple[str, ...] | None = None
    """Only these. Default: all."""
    confidence: Fraction = 0.0
    """Least of an object's best confidence. Default 0."""
    min_size: Fraction = 0.0
    """Least area of an object's box, as a share of the picture. Default 0."""
    max_size: Fraction = 1.0
    """Most of it. Default 1."""
    anchor: Anchor = "bottom"
    """The point of an object's box that counts: `bottom`, the middle of its lower edge, or `centre`. Default bottom."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_size > self.max_size:
            raise ValueError("min_size must be at most max_size")
        return self


class Zone(_Filtered):
    """An area of the picture that objects enter and leave."""

    polygon: _Polygon
    """Corners in order along the edge, `[x, y]` in fractions of the displayed picture."""
    after_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """`zone.enter` is said only of what stays in it for so long. Default 0."""


class Line(_Filtered):
    """A line that objects cross."""

    model_config = ConfigDict(serialize_by_alias=True)

    start: _Point = Field(alias="from")
    """`[x, y]` in fractions of the displayed picture."""
    end: _Point = Field(alias="to")
    """`[x, y]`."""
    right: Annotated[str, Field(min_length=1, max_length=63)] = "right"
    """What a crossing is called that goes to the right, looking from `from` to `to`. Default right."""
    left: Annotated[str, Field(min_length=1, max_length=63)] = "left"
    """The same to the left. Default left."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        check_line(self.start, self.end)
        return self


class Mask(Settings):
    """An area whose detections are ignored; written as its polygon, or with `polygon` and `labels`."""

    polygon: _Polygon
    """As a zone's."""
    labels: tuple[str, ...] | None = None
    """Only these. Default: all."""
    anchor: Anchor = "bottom"
    """As a zone's. Default bottom."""

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        return {"polygon": value} if isinstance(value, list | tuple) else value


class Objects(Settings):
    """When something is an object, has changed, and is gone. Seconds are of capture time."""

    sightings: Annotated[int, Field(ge=1, le=100)] = 3
    """An object is confirmed after so many sightings ... Default 3."""
    confidence: Fraction = 0.5
    """... whose median confidence is at least this. Default 0.5."""
    update_s: Seconds = 1.0
    """At most one `object.update` an object in this time. Default 1."""
    stationary_s: Seconds = 5.0
    """What stays where it is for so long is stationary. Default 5."""
    lost_s: Seconds = 3.0
    """What moved, and is not seen for so long, has ended. Default 3."""
    stationary_lost_s: Seconds = 90.0
    """The same of what is stationary: so long it may be hidden. Default 90."""
    silence_s: Seconds = 600.0
    """Where no frames come for so long, all objects have ended. Default 600."""


_Luma = Annotated[float, Field(ge=0, le=255)]
_Bits = Annotated[float, Field(ge=0, le=64)]


class Picture(Settings):
    """When a camera's picture is bad (`input.change`), by the measures of the pipeline's `guard`.

    Pairs are the bound of being bad, and that of being good again. Seconds are of capture time.
    """

    settle_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """A condition is said, and taken back, when its signs have held for so long ... Default 10."""
    settle_frames: Annotated[int, Field(ge=1, le=1000)] = 3
    """... and for so many frames. Default 3."""
    frozen_s: Seconds = 60.0
    """All measures are the same to the last digit for so long: `frozen`. Default 60."""
    underexposed: tuple[_Luma, _Luma] = (20.0, 30.0)
    """Mean luma, 0 to 255: below the first, and above the second again. Default [20, 30]."""
    overexposed: tuple[_Luma, _Luma] = (235.0, 220.0)
    """Above the first, and below the second again. Default [235, 220]."""
    covered: tuple[Fraction, Fraction] = (0.15, 0.35)
    """Sharpness, as a share of what is usual: below the first, and above the second again. Default [0.15, 0.35]."""
    moved: tuple[_Bits, _Bits] = (18.0, 12.0)
    """Of the hash's 64 bits, those that are not as usual: above the first, below the second. Default [18, 12]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, (lower, higher) in {
            "underexposed": self.underexposed,
            "overexposed": self.overexposed[::-1],
            "covered": self.covered,
            "moved": self.moved[::-1],
        }.items():
            if lower > higher:
                raise ValueError(f"{name}: the second bound is that of being good again, on the good side of the first")
        if self.underexposed[1] >= self.overexposed[1]:
            raise ValueError("between underexposed and overexposed no picture would be good")
        return self


class Events(Settings):
    """How events are made of detections."""

    objects: Objects = Objects()
    """The life of an object."""
    picture: Picture = Picture()
    """When a camera's picture is bad."""
    snapshots: Snapshots = Snapshots()
    """Which pictures of objects are kept."""
    save_s: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    """What is known of the objects is saved so often; a worker that takes over reads the detections behind it again.
    Default 5."""
    tls: ServerTls | None = None
    """TLS of health and metrics. Default: plain text."""
