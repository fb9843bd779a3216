"""What a gateway's cameras may use of its machine."""

from dataclasses import dataclass
from typing import Literal

from vedette.fleet.cpu_capacity import core_speed, usable_cores

_SHARE = 0.8
"""Of the cores; the rest is for peaks, and for everything else on the machine."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """In cores of this machine."""

    cores: float
    """What cameras may use; where there is no limit, what they would be given."""
    limited: bool
    speed: float
    """Of a core, as a multiple of the reference machine's."""

    @property
    def weight(self) -> float:
        """Cores of the reference machine: the gateway's share of the cameras is in proportion to it."""
        return self.cores * self.speed


def measured_capacity(configured: float | Literal["auto", "off"]) -> Capacity:
    """As configured, or as the machine is. The first call takes a quarter of a second."""
    cores = _SHARE * usable_cores() if isinstance(configured, str) else configured
    return Capacity(cores, configured != "off", core_speed())
