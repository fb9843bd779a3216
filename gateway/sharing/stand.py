"""What a gateway says of itself to the others, in its heartbeats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

UNBOUNDED = 1e9
"""Room where admission is turned off."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one gateway stands. CPU is in cores of the reference machine, so that those of different ones compare."""

    weight: float
    """Its capacity; its share of the cameras is in proportion to it."""
    room: float = 0.0
    """What is left of it for further cameras."""
    owns: Mapping[str, float] = field(default_factory=dict)
    """The cameras whose leases it has, and what each costs."""
    wants: frozenset[str] = frozenset()
    """Those that it takes as soon as their leases are free; there is room for them."""
    refuses: frozenset[str] = frozenset()
    """Those that it can't run, or that it gave away since it had too much to do."""

    def detail(self) -> dict[str, object]:
        """For a heartbeat."""
        return {
            "weight": round(self.weight, 4),
            "room": round(self.room, 4),
            "owns": {camera: round(cost, 4) for camera, cost in self.owns.items()},
            "wants": sorted(self.wants),
            "refuses": sorted(self.refuses),
        }


def stand_of(detail: Mapping[str, Any]) -> Stand | None:
    """What a heartbeat says; None where it is of a version that doesn't share."""
    try:
        weight, room = float(detail["weight"]), float(detail["room"])
        owns = {str(camera): float(cost) for camera, cost in detail["owns"].items()}
        wants, refuses = (frozenset(map(str, detail[key])) for key in ("wants", "refuses"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Stand(weight, room, owns, wants, refuses) if weight > 0 and isfinite(weight + room) else None
