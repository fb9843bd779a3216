"""When to say that an object moves before a camera, so that its gate stays open (`vedette.hint.<site>.<camera>`). Pure.

The gate looks for pixels that change; somebody who walks straight towards the camera, or far away, changes few. Only
live cameras have gates.
"""

import datetime as dt

from events.scenes.camera_scene import CameraScene
from vedette.messages import FrameRef, Hint

_EVERY_S = 1.0
"""At most one hint a camera in this time, whatever its rate and its pipelines."""
_HOLD_S = 3.0
"""An object is expected to go on moving for so long after the frame that shows it ..."""
_HOLD_FRAMES = 2.5
"""... or for so many of its camera's frames; the gateway believes 10 s at most."""
_STALE_S = 60.0
"""Hints that are over by so much are over by any clock: they are of detections that are read late."""


class Hints:
    """Those of one partition's cameras."""

    def __init__(self) -> None:
        self._said_s: dict[tuple[str, str], float] = {}

    def of(self, scene: CameraScene, frame: FrameRef, now: dt.datetime, now_s: float) -> Hint | None:
        """What to say after `frame`; `now_s` is monotonic. Until when goes by the gateway's clock, as `frame` does."""
        if scene.recording is not None or not scene.scene.moving:
            return None
        camera = scene.key.site, scene.key.camera
        said_s = self._said_s.get(camera)
        if said_s is not None and now_s - said_s < _EVERY_S:
            return None
        hold_s = max(_HOLD_S, _HOLD_FRAMES * scene.scene.interval_s)
        if (now - frame.arrived_at).total_seconds() > hold_s + _STALE_S:
            return None
        self._said_s[camera] = now_s
        return Hint(until=frame.arrived_at + dt.timedelta(seconds=hold_s))

    def forget(self, scene: CameraScene) -> None:
        """The scene is gone."""
        self._said_s.pop((scene.key.site, scene.key.camera), None)
