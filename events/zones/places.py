"""Zones, lines and masks of one scene, and what an object does in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from events.objects.tracked_object import Crossed, TrackedObject, anchor_of
from events.settings import SceneSettings, Zone
from events.tracking.motion import Motion
from events.zones.crossing import begun, cross
from events.zones.presence import Presence, ZoneEdge
from vedette.geometry import contains


@dataclass(frozen=True, slots=True)
class Entered:
    """It is in a zone, and subscribers don't know."""

    zone: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Left:
    """It is no longer in a zone."""

    zone: str
    since_s: float


PlaceChange = Entered | Left | Crossed


class Places:
    """Of one camera and pipeline."""

    def __init__(self, settings: SceneSettings) -> None:
        self._zones = [ZoneEdge(zone) for zone in settings.zones]
        self._lines = settings.lines
        self._masks = settings.masks
        self.zone_names = tuple(zone.name for zone in settings.zones)

    def hides(self, label: str, bbox: tuple[float, float, float, float]) -> bool:
        """Whether a mask covers such a detection."""
        x, y, width, height = bbox
        for mask in self._masks:
            down = height if mask.anchor == "bottom" else height / 2
            if (mask.labels is None or label in mask.labels) and contains(mask.polygon, (x + width / 2, y + down)):
                return True
        return False

    def see(self, seen: TrackedObject, motion: Motion, aspect: float, now_s: float) -> Iterator[PlaceChange]:
        """Where the object is now; what is new of it comes out once the object is confirmed."""
        size = motion.size / aspect**0.5  # of a square in fractions of the picture
        box = motion.box
        for edge in self._zones:
            yield from _zone(edge, seen, box, aspect, size, now_s)
        for line in self._lines:
            anchor = anchor_of(box, aspect, line.anchor)
            state = seen.lines.get(line.name)
            if state is None:
                seen.lines[line.name] = begun(line, anchor, size)
                continue
            side = cross(line, state, anchor, size)
            if side and seen.passes(line.filter):
                crossed = Crossed(line.name, line.right if side > 0 else line.left, now_s)
                if seen.is_confirmed:
                    yield crossed
                else:
                    seen.crossed.append(crossed)

    def leave(self, seen: TrackedObject) -> Iterator[Left]:
        """The object has ended."""
        for name, presence in sorted(seen.zones.items()):
            if presence.said:
                presence.said = presence.inside = False
                yield Left(name, presence.since_s)

    def forget_others(self, seen: TrackedObject) -> None:
        """Drop what is known of zones and lines that are not configured (any more)."""
        lines = {line.name for line in self._lines}
        seen.zones = {name: presence for name, presence in seen.zones.items() if name in self.zone_names}
        seen.lines = {name: side for name, side in seen.lines.items() if name in lines}


def _zone(
    edge: ZoneEdge,
    seen: TrackedObject,
    box: tuple[float, float, float, float],
    aspect: float,
    size: float,
    now_s: float,
) -> Iterator[Entered | Left]:
    zone: Zone = edge.zone
    presence = seen.zones.get(zone.name)
    was_inside = None if presence is None else presence.inside
    inside = edge.is_inside(was_inside, anchor_of(box, aspect, zone.anchor), size) and seen.passes(zone.filter)
    if presence is None:
        presence = seen.zones[zone.name] = Presence()
    if inside and not presence.inside:
        presence.inside, presence.since_s = True, now_s
    elif presence.inside and not inside:
        presence.inside = False
        if presence.said:
            presence.said = False
            yield Left(zone.name, presence.since_s)
    if presence.inside and not presence.said and seen.is_confirmed and now_s - presence.since_s >= zone.after_s:
        presence.said = True
        yield Entered(zone.name, presence.since_s)
