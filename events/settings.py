"""What a scene goes by: frozen values, all durations in seconds of capture time.

Raises ValueError, in words for the configuration, where geometry or numbers are impossible.
"""

from dataclasses import dataclass, field

from vedette.geometry import Point, check_line, check_polygon

ANCHORS = ("bottom", "centre")


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """How detections become tracks."""

    high_confidence: float = 0.4
    """Detections from here on are matched first, and only they begin tracks; weaker ones go on with tracks."""
    lost_s: float = 3.0
    """A moving object that is not detected for so long has ended."""
    lost_sightings: int = 3
    """... but not before so many frames did not show it: at 1 fps three seconds are little."""
    stationary_lost_s: float = 90.0
    """The same of a stationary one: so long it may be hidden."""
    max_tracks: int = 200
    """Bound; further detections begin none, and are counted."""


@dataclass(frozen=True, slots=True)
class LifeSettings:
    """When an object is said to be there, to have changed, and to be gone."""

    sightings: int = 3
    """An object is confirmed after so many ..."""
    confidence: float = 0.5
    """... whose median confidence is at least this."""
    update_interval_s: float = 1.0
    """At most one `object.update` in this time."""
    confidence_step: float = 0.05
    """The best confidence has changed when it is better by so much than what was said."""
    stationary_s: float = 5.0
    """An object that stays where it is for so long is stationary."""
    silence_s: float = 600.0
    """Without frames for so long, all objects end. Must be well above `gate.refresh_s`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects count."""

    labels: frozenset[str] | None = None
    """None: all."""
    min_confidence: float = 0.0
    """Of the object's best."""
    min_area: float = 0.0
    """Of its box, as a share of the picture."""
    max_area: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_area <= self.max_area <= 1:
            raise ValueError("must be 0 <= min_area <= max_area <= 1")

    def takes(self, label: str, confidence: float, area: float) -> bool:
        """Whether such an object counts."""
        named = self.labels is None or label in self.labels
        return named and confidence >= self.min_confidence and self.min_area <= area <= self.max_area


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Zone:
    """An area of the picture."""

    name: str
    polygon: tuple[Point, ...]
    filter: Filter = EVERYTHING
    anchor: str = "bottom"
    """Which point of the box has to be in it: `bottom` (middle of the lower edge) or `centre`."""
    after_s: float = 0.0
    """`zone.enter` only for what stays in it so long."""

    def __post_init__(self) -> None:
        check_polygon(self.polygon)
        _check_anchor(self.anchor)


@dataclass(frozen=True, slots=True)
class Line:
    """A directed line."""

    name: str
    start: Point
    end: Point
    filter: Filter = EVERYTHING
    anchor: str = "bottom"
    right: str = "right"
    """What a crossing from its left to its right is called (looking from start to end, as the picture is seen)."""
    left: str = "left"

    def __post_init__(self) -> None:
        check_line(self.start, self.end)
        _check_anchor(self.anchor)


@dataclass(frozen=True, slots=True)
class Mask:
    """An area whose detections are ignored."""

    polygon: tuple[Point, ...]
    labels: frozenset[str] | None = None
    """None: all."""
    anchor: str = "bottom"

    def __post_init__(self) -> None:
        check_polygon(self.polygon)
        _check_anchor(self.anchor)


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """When a camera's picture is bad. Each bound has a second one, for being good again."""

    settle_s: float = 10.0
    """A condition is said, and taken back, after so long ..."""
    settle_frames: int = 3
    """... and so many frames."""
    frozen_s: float = 60.0
    """So long with measures that are the same to the last digit: a still scene has noise."""
    dark: tuple[float, float] = (20.0, 30.0)
    """Mean luma, 0 to 255: underexposed below the first, good again above the second."""
    bright: tuple[float, float] = (235.0, 220.0)
    covered: tuple[float, float] = (0.15, 0.35)
    """Sharpness, as a share of what is usual for the camera."""
    moved_bits: tuple[float, float] = (18.0, 12.0)
    """Bits of the hash that differ from what is usual for the camera, of 64."""


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """All of one camera and pipeline."""

    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    life: LifeSettings = field(default_factory=LifeSettings)
    picture: PictureSettings = field(default_factory=PictureSettings)
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    masks: tuple[Mask, ...] = ()


def _check_anchor(anchor: str) -> None:
    if anchor not in ANCHORS:
        raise ValueError(f"anchor is {anchor}; known: {', '.join(ANCHORS)}")
