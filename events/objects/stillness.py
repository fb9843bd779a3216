"""Whether an object stays where it is. Frigate's idea: compared with where it was settled, not with the last frame."""

from dataclasses import dataclass

from events.tracking.sighting import Box, iou

_SAME_IOU = 0.7
_LEFT_IOU = 0.6
_LEFT_SIGHTINGS = 2
"""So many in a row elsewhere, and it moves: one is a box that was cut badly."""


@dataclass(slots=True)
class Stillness:
    """One object's; plain data."""

    place: Box
    since_s: float
    stationary: bool = False
    elsewhere: int = 0
    """Sightings in a row that a stationary object was not where it stood."""

    @property
    def is_held(self) -> bool:
        """Stationary, and not about to leave."""
        return self.stationary and self.elsewhere == 0

    def see(self, smooth: Box, found: Box, now_s: float, after_s: float) -> None:
        """Take its smoothed box and the one just found; it is stationary after `after_s` in one place."""
        if self.stationary:
            self.elsewhere = self.elsewhere + 1 if iou(self.place, found) < _LEFT_IOU else 0
            if self.elsewhere >= _LEFT_SIGHTINGS:
                self._settle(found, now_s)
        elif iou(self.place, smooth) < _SAME_IOU:
            self._settle(smooth, now_s)
        else:
            self.stationary = now_s - self.since_s >= after_s

    def _settle(self, box: Box, now_s: float) -> None:
        self.place, self.since_s, self.stationary, self.elsewhere = box, now_s, False, 0
