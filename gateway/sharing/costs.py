"""What a camera costs: measured where it runs, expected elsewhere. Pure."""

from collections.abc import Collection
from typing import Literal

Way = Literal["whole", "sparse"]
"""How a camera is decoded: `sparse` where keyframes are enough, or enough while nothing moves."""

_UNMEASURED = {"whole": 0.04, "sparse": 0.02}
"""Cores of the reference machine, before any camera was measured. A 1080p camera of 25 frames a second, looked at
twice a second, costs up to 0.1; one of 640x360, and an idle one behind its gate, 0.02."""
_SETTLED_S = 3.0
"""What a camera costs is believed when it has been measured for so long."""


class CameraCosts:
    """Cores of the reference machine, by camera; those of cameras that other gateways run too."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._ways: dict[str, Way] = {}
        self._since_s: dict[str, float] = {}

    def measured(self, now_s: float, camera: str, cost: float) -> None:
        """A camera that runs here costs so much now; at first it is not believed."""
        if now_s - self._since_s.setdefault(camera, now_s) >= _SETTLED_S:
            self._known[camera] = cost

    def told(self, camera: str, cost: float) -> None:
        """The gateway that has it says what it costs."""
        self._known[camera] = cost
        self._since_s.pop(camera, None)

    def keep(self, cameras: Collection[str]) -> None:
        """Forget all others."""
        for known in (self._known, self._ways, self._since_s):
            for camera in known.keys() - cameras:
                del known[camera]

    def of(self, camera: str, way: Way) -> float:
        """As measured last; else what the others of its way cost on the average."""
        self._ways[camera] = way
        if camera in self._known:
            return self._known[camera]
        alike = [cost for name, cost in self._known.items() if self._ways.get(name) == way]
        return sum(alike) / len(alike) if alike else _UNMEASURED[way]
