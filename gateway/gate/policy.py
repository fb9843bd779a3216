"""What may be set of the gate."""

from collections.abc import Sequence
from dataclasses import dataclass

Polygon = Sequence[tuple[float, float]]
"""Corners (x, y) in 0–1 of the picture that is looked at, origin top left."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """When the gate arms, opens and closes.

    Raises:
        ValueError: a number that makes no sense, or a polygon with less than 3 corners.
    """

    check_fps: float = 5.0
    """Looks a second while armed or open."""
    open_checks: int = 2
    """So many looks that see something move, of `open_checks + 1` in a row, open the gate."""
    armed_s: float = 1.0
    """So long after what armed it (and the replay before that) the gate waits for movement; then it is idle again."""
    close_after_s: float = 3.0
    """Without movement and hints."""
    refresh_s: float = 30.0
    """A keyframe of an idle scene is inferred so often all the same."""
    refresh_phase: float = 0.0
    """By this share of `refresh_s` the first one comes sooner: cameras that start together would else all refresh in
    the same moment, and most of those frames expire. 0 to 1."""
    blind_gap_s: float = 4.0
    """Keyframes further apart than this see too little: the gate is then never idle."""
    every_frame: bool = False
    """The gate is never idle: no gap between keyframes leaves it blind. Every frame is decoded, and what is inferred is
    gated."""
    ignore: Sequence[Polygon] = ()
    """Where nothing counts: an on-screen clock, a flag, a screen."""

    def __post_init__(self) -> None:
        for name in ("check_fps", "open_checks", "armed_s", "close_after_s", "refresh_s", "blind_gap_s"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
        if any(len(polygon) < 3 for polygon in self.ignore):
            raise ValueError("an ignore polygon needs at least 3 corners")
