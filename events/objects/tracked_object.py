"""A thing that is followed and what was said of it: plain data, so that it can be stored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from events.objects.path import Path
from events.objects.stillness import Stillness
from events.settings import Filter, LifeSettings
from events.tracking.sighting import Sighting
from events.tracking.track import Track
from events.zones.crossing import Side
from events.zones.presence import Presence
from vedette.geometry import Point
from vedette.messages import Detection

Attributes = dict[str, str | float | bool]

REMEMBERED_CONFIDENCES = 5
MOST_ATTRIBUTES = 64
MOST_LABELS = 16


@dataclass(slots=True)
class Said:
    """What subscribers know."""

    label: str
    confidence: float
    zones: tuple[str, ...]
    state: str
    attributes: dict[str, str | bool]
    """Without numbers: they change with every frame."""


@dataclass(slots=True)
class Crossed:
    """A line that was crossed before the object was confirmed."""

    line: str
    direction: str
    at_s: float


@dataclass(slots=True)
class TrackedObject:
    """One track's object. Times are seconds of the scene's clock."""

    track: int
    id: str
    first_s: float
    last_s: float
    bbox: tuple[float, float, float, float]
    """As last detected, fractions of the picture."""
    stillness: Stillness
    path: Path
    number: int = 0
    """Its events that follow from detections, whose ids count them; 0: it was never spoken of."""
    revision: int = 0
    """Of its latest event."""
    said: Said | None = None
    said_s: float = 0.0
    confidence: float = 0.0
    sightings: int = 0
    confidences: list[float] = field(default_factory=list)
    """Of its latest sightings."""
    votes: dict[str, float] = field(default_factory=dict)
    """Confidence by label, added up."""
    attributes: Attributes = field(default_factory=dict)
    zones: dict[str, Presence] = field(default_factory=dict)
    lines: dict[str, Side] = field(default_factory=dict)
    crossed: list[Crossed] = field(default_factory=list)
    names: dict[str, float] = field(default_factory=dict)
    """Similarity by enrolled person, added up."""
    name: str | None = None
    """Whom `identity.match` named."""
    named_s: float = 0.0
    """When it was last recognised."""

    @property
    def label(self) -> str:
        """That most of the confidence was given to."""
        return max(self.votes, key=lambda label: self.votes[label])

    @property
    def is_confirmed(self) -> bool:
        """Subscribers know of it."""
        return self.number > 0

    @property
    def state(self) -> str:
        """`moving` or `stationary`."""
        return "stationary" if self.stillness.stationary else "moving"

    @property
    def area(self) -> float:
        """Of its box, as a share of the picture."""
        return self.bbox[2] * self.bbox[3]

    @property
    def zones_inside(self) -> tuple[str, ...]:
        """Those that subscribers know it to be in."""
        return tuple(sorted(name for name, presence in self.zones.items() if presence.said))

    def passes(self, wanted: Filter) -> bool:
        """Whether it counts."""
        return wanted.takes(self.label, self.confidence, self.area)

    def see(self, track: Track, sighting: Sighting, detection: Detection, now_s: float, life: LifeSettings) -> None:
        """Take a sighting in."""
        self.last_s, self.bbox = now_s, detection.bbox
        self.sightings += 1
        self.confidence = max(self.confidence, sighting.confidence)
        self.confidences = [*self.confidences, sighting.confidence][-max(REMEMBERED_CONFIDENCES, life.sightings) :]
        _vote(self.votes, sighting.label, sighting.confidence)
        self.attributes.update(detection.attributes)
        if len(self.attributes) > MOST_ATTRIBUTES:
            self.attributes = dict(list(self.attributes.items())[-MOST_ATTRIBUTES:])
        self.stillness.see(track.motion.box, sighting.box, now_s, life.stationary_s)
        track.hold(self.stillness.is_held)

    def is_credible(self, life: LifeSettings) -> bool:
        """Whether its sightings are enough to say that it is there."""
        return self.sightings >= life.sightings and median(self.confidences) >= life.confidence

    def vote_name(self, name: str, similarity: float, now_s: float) -> None:
        """A model says that it is `name`."""
        _vote(self.names, name, similarity)
        self.named_s = now_s

    def forget_name(self, attributes: Iterable[str]) -> None:
        """It is nobody's any more, nor are the attributes that say so."""
        self.names, self.name = {}, None
        for attribute in attributes:
            self.attributes.pop(attribute, None)

    def now_said(self) -> Said:
        """What there is to know."""
        return Said(self.label, self.confidence, self.zones_inside, self.state, self._kinds())

    def changes(self, confidence_step: float) -> tuple[str, ...]:
        """What subscribers don't know yet."""
        said = self.said
        if said is None:
            return ()
        found = {
            "confidence": self.confidence >= said.confidence + confidence_step,
            "label": self.label != said.label,
            "zones": self.zones_inside != said.zones,
            "state": self.state != said.state,
            "attributes": self._kinds() != said.attributes,
        }
        return tuple(name for name, is_changed in found.items() if is_changed)

    def _kinds(self) -> dict[str, str | bool]:
        return {key: value for key, value in self.attributes.items() if isinstance(value, str | bool)}


def anchor_of(box: tuple[float, float, float, float], aspect: float, anchor: str) -> Point:
    """The point of a tracker's box (centre, size) that stands for it, in fractions of the picture."""
    x, y, _, height = box
    return x / aspect, y + (height / 2 if anchor == "bottom" else 0.0)


def _vote(votes: dict[str, float], choice: str, weight: float) -> None:
    votes[choice] = votes.get(choice, 0.0) + weight
    if len(votes) > MOST_LABELS:
        del votes[min(votes, key=lambda name: votes[name])]
