"""One camera and pipeline in an events worker: a scene, and the order in which it gets its frames."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.objects.published import Published
from events.scene import Scene, SceneEvent, SceneSettings
from events.scenes.recording_order import Frame, RecordingOrder
from vedette.messages import Detections, DetectionsEvent

RECORDING_CLOCK = "media"
"""Of frames that come every one, on a recording's own time line, up to a last one."""
_VERSION = 1


class SceneKey(NamedTuple):
    """Whose scene: the part of the detections' subject behind the partition."""

    site: str
    camera: str
    pipeline: str

    @classmethod
    def of(cls, data: Detections) -> "SceneKey":
        return cls(data.site, data.camera, data.pipeline)


@dataclass(slots=True)
class CameraScene:
    """Fed with detections as they come."""

    key: SceneKey
    settings: SceneSettings
    scene: Scene
    recording: RecordingOrder | None
    """None: it is a live camera's."""
    touched_s: float = 0.0
    """When detections came last; monotonic."""

    @classmethod
    def begun(
        cls,
        key: SceneKey,
        settings: SceneSettings,
        first: DetectionsEvent,
        published: Published | None = None,
    ) -> "CameraScene":
        """A new one; `first` are the detections that it will get first. `published`: see `Scene`."""
        order = RecordingOrder() if first.data.frame.clock == RECORDING_CLOCK else None
        return cls(key, settings, Scene(*key, settings, published=published), order)

    @classmethod
    def restored(
        cls,
        key: SceneKey,
        settings: SceneSettings,
        state: dict[str, Any],
        published: Published | None = None,
    ) -> "CameraScene":
        """Go on from another's `state()`.

        Raises:
            ValueError: it is of another version, or damaged.
        """
        if state.get("version") != _VERSION:
            raise ValueError(f"is of version {state.get('version')}, not {_VERSION}")
        next_seq = state["next_seq"]
        order = None if next_seq is None else RecordingOrder(next_seq)
        return cls(key, settings, Scene.restored(*key, settings, state["scene"], published), order)

    def with_settings(self, settings: SceneSettings) -> "CameraScene":
        """The same, going by other settings from now on."""
        scene = Scene.restored(*self.key, settings, self.scene.state(), self.scene.published)
        return CameraScene(self.key, settings, scene, self.recording, self.touched_s)

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON has it; but frames that wait for others, which have to be read again."""
        next_seq = None if self.recording is None else self.recording.next_seq
        return {"version": _VERSION, "next_seq": next_seq, "scene": self.scene.state()}

    @property
    def finished(self) -> bool:
        """Nothing comes any more: its recording has ended."""
        return self.recording is not None and self.recording.finished

    @property
    def waits_since(self) -> int | None:
        """Position of the first detections that were taken and not looked at yet."""
        return None if self.recording is None else self.recording.waits_since

    def take(self, event: DetectionsEvent, position: int) -> list[SceneEvent]:
        """The events that follow from these detections, and from others that waited for them."""
        frames = [Frame(event, position)]
        if self.recording is not None:
            frames = self.recording.add(frames[0])
        return [said for frame in frames for said in self.scene.see(frame.event.data, frame.event.id)]

    def tick(self, now: dt.datetime) -> list[SceneEvent]:
        """Nothing has come for a while. A recording has a time of its own."""
        return [] if self.recording is not None else self.scene.tick(now)
