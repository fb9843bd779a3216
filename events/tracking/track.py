"""What a tracker hands over: tracks, and what a frame did to them. The protocol is of the scene that uses it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from events.tracking.motion import Motion
from events.tracking.sighting import Sighting


@dataclass(slots=True)
class Track:
    """One thing followed over frames; plain data, so that it can be stored."""

    id: int
    """Counts from 0 within the scene; 0 is given once."""
    label: str
    """Of its latest sighting with high confidence."""
    motion: Motion
    sightings: int = 1
    unseen_s: float = 0.0
    """Since it was last detected; idle gaps don't count, frames of idle scenes do (a share of its patience)."""
    unseen_frames: int = 0
    confirmed: bool = False
    """Set by the scene: it is an object. Others are dropped sooner."""
    stationary: bool = False
    """Set by the scene (`hold`): it is parked. It is kept apart: where it stood, for long."""

    def hold(self, is_parked: bool) -> None:
        """It is parked, or not any more."""
        if is_parked and not self.stationary:
            self.motion.stop()
        elif self.stationary and not is_parked:
            self.motion.release()
        self.stationary = is_parked


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame did."""

    matched: Sequence[tuple[Track, Sighting]]
    """Tracks that went on, in the order of their ids."""
    begun: Sequence[tuple[Track, Sighting]]
    lost: Sequence[Track]
    """No longer followed."""
    refused: int = 0
    """Sightings that would have begun a track, but there are too many."""


@dataclass(slots=True)
class Tracks:
    """All tracks of a scene; plain data."""

    followed: list[Track] = field(default_factory=list)
    begun: int = 0


class Tracker(Protocol):
    """Follows things over frames."""

    def step(self, tracks: Tracks, sightings: Sequence[Sighting], dt_s: float, idle: bool) -> Step:
        """Take a frame in, `dt_s` after the one before; `idle`: nothing moved in between (rule 5 of the flow)."""
