"""What `vedette check` says of a camera's places, and of how long events are kept. Pure."""

from vedette.config.camera_settings import Camera
from vedette.config.config import Config
from vedette.config.events_settings import Line, Zone

_BUSY_EVENTS_PER_S = 2.5
_MEAN_EVENT_BYTES = 1400
"""An event with its subject and headers, as the server counts it. Both are of the bundled video, eight people in a yard
with a zone and a line: a camera before which so much happens day and night is rare."""


def places(camera: Camera) -> list[str]:
    """A line for each zone, line and mask."""
    zones = [f"zone {name}: {_area(zone)}{_after(zone)}" for name, zone in camera.zones.items()]
    lines = [
        f"line {name}: {_point(line.start)} to {_point(line.end)}, {line.right} to its right, {line.left} to its left"
        f"{_filter(line)}"
        for name, line in camera.lines.items()
    ]
    masks = [f"mask: {len(mask.polygon)} corners, {_labels(mask.labels)}" for mask in camera.masks]
    return zones + lines + masks


def events_kept_days(config: Config) -> float:
    """For how many days events are kept for certain: even if all cameras at hand are busy."""
    retention, cameras = config.retention, len(config.cameras)
    if not cameras:
        return retention.events_days
    full_days = retention.events_gib * 2**30 / (cameras * _BUSY_EVENTS_PER_S * _MEAN_EVENT_BYTES) / (24 * 3600)
    return min(retention.events_days, full_days)


def events_kept(config: Config) -> str:
    """How long events are kept: by age, and by size if all cameras at hand are busy."""
    days, full_days = config.retention.events_days, events_kept_days(config)
    if full_days < days:
        busy = f"{_BUSY_EVENTS_PER_S:g} things happen a second before every camera"
        return f"events {_time(days)}, or {_time(full_days)} ({config.retention.events_gib:g} GiB) if {busy}"
    return f"events {_time(days)}"


def _area(zone: Zone) -> str:
    return f"{len(zone.polygon)} corners{_filter(zone)}"


def _after(zone: Zone) -> str:
    return f", after {zone.after_s:g} s" if zone.after_s else ""


def _filter(place: Zone | Line) -> str:
    said = f", {_labels(place.labels)}"
    said += f" from {place.confidence:g}" if place.confidence else ""
    if place.min_size > 0 or place.max_size < 1:
        said += f", {place.min_size:g} to {place.max_size:g} of the picture"
    return said


def _labels(labels: tuple[str, ...] | None) -> str:
    return "all labels" if labels is None else ", ".join(labels) or "no label"


def _point(point: tuple[float, float]) -> str:
    return f"({point[0]:g}, {point[1]:g})"


def _time(days: float) -> str:
    return f"{days:.3g} days" if days >= 2 else f"{24 * days:.3g} h"
