"""Whether an object stays where it is. Frigate's idea: compared with where it was settled, not with the last frame."""

from dataclasses import dataclass

from events.tracking.sighting import Box, iou

_SAME_IOU = 0.7
_LEFT_IOU = 0.5
_LEFT_SIGHTINGS = 2
"""So many in a row elsewhere, and it moves: one is a box that was cut badly."""


@dataclass(slots=True)
class Stillness:
    """One object's; plain data."""

    place: Box
    since_s: float
    stationary: bool = False
    elsewhere: int = 0

    def see(self, box: Box, now_s: float, after_s: float) -> bool:
        """Take its (smoothed) box at `now_s`; whether it is stationary, as it is after `after_s` in one place."""
        overlap = iou(self.place, box)
        if self.stationary:
            self.elsewhere = self.elsewhere + 1 if overlap < _LEFT_IOU else 0
            if self.elsewhere >= _LEFT_SIGHTINGS:
                self._settle(box, now_s)
        elif overlap < _SAME_IOU:
            self._settle(box, now_s)
        else:
            self.stationary = now_s - self.since_s >= after_s
        return self.stationary

    def _settle(self, box: Box, now_s: float) -> None:
        self.place, self.since_s, self.stationary, self.elsewhere = box, now_s, False, 0
