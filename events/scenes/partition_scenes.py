"""The scenes of one partition: which detections go to which, what is to be saved, and what may be forgotten."""

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from events import metrics
from events.objects.published import Published
from events.scene import SceneEvent, SceneSettings
from events.scenes.camera_scene import CameraScene, SceneKey
from events.scenes.hints import Hints
from events.scenes.intake import Refused, admitted
from events.snapshots.portrait import Portrait
from vedette.messages import DetectionsEvent, Hint
from vedette.object_messages import Snapshot

logger = logging.getLogger(__name__)

_LIVE_FORGOTTEN_AFTER_S = 24 * 3600.0
_RECORDING_FORGOTTEN_AFTER_S = 900.0
"""Without a word: its analysis was given up."""

MOST_SCENES = 2000
"""Of a partition; each is a camera and pipeline."""
MOST_STATE_BYTES = 900_000
"""Of a scene as it is saved: a bucket's value must fit into a message, of 1 MiB."""
_SAY_EVERY_S = 60.0

SettingsOf = Callable[[SceneKey], SceneSettings]


class PartitionScenes:
    """Scenes begin with their first detections. Times are monotonic."""

    def __init__(
        self,
        settings_of: SettingsOf,
        saved: Mapping[SceneKey, dict[str, Any]],
        now_s: float,
        published: Published | None = None,
    ) -> None:
        """`published`: see `Scene`."""
        self._settings_of = settings_of
        self._published = published or Published()
        self._scenes: dict[SceneKey, CameraScene] = {}
        self._changed: set[SceneKey] = set()
        """Since they were saved; those that are gone too."""
        self.hint: tuple[SceneKey, Hint] | None = None
        """What the gateway of the latest detections should know, if anything."""
        self._hints = Hints()
        self.portraits: tuple[Portrait, ...] = ()
        """What the picture of the latest detections shows."""
        self.traceparent: str | None = None
        """Of the latest detections, where frames are traced."""
        self._say_again_s = 0.0
        self.has_finished = False
        """A recording has ended since that was set to False: somebody waits for that to be saved."""
        for key, state in saved.items():
            self._restore(key, state, now_s)

    def __len__(self) -> int:
        return len(self._scenes)

    def take(self, payload: bytes, key: SceneKey, position: int, now_s: float) -> list[SceneEvent]:
        """The events that follow from a detections message that came for `key`; one that is none is counted."""
        self.hint, self.portraits, self.traceparent = None, (), None
        left_out: Counter[str] = Counter()
        try:
            event = admitted(payload, key, left_out)
            scene = self._scene(key, event)
        except Refused as refused:
            metrics.LEFT_OUT.labels(refused.reason).inc()
            self._say_refused(key, refused)
            return []
        scene.scene.counts.update(left_out)
        scene.touched_s = now_s
        self.traceparent = event.traceparent
        self._changed.add(key)
        try:
            events = scene.take(event, position)
        except Exception:  # a defect that shows with one camera must not end the others
            logger.exception("%s: internal error; its objects begin anew", event.id)
            metrics.DEFECTS.inc()
            metrics.forget(self._scenes.pop(key))
            return []
        metrics.count(scene)
        hint = self._hints.of(scene, event.data.frame, dt.datetime.now(dt.UTC), now_s)
        self.hint = None if hint is None else (key, hint)
        self.portraits = scene.scene.portraits(event.data)
        if scene.finished:
            del self._scenes[key]
            self.has_finished = True
        return events

    def _scene(self, key: SceneKey, event: DetectionsEvent) -> CameraScene:
        scene = self._scenes.get(key)
        if scene is None:
            if len(self._scenes) >= MOST_SCENES:
                raise Refused("cameras", f"there are {MOST_SCENES} cameras in this partition already")
            scene = self._scenes[key] = CameraScene.begun(key, self._settings_of(key), event, self._published)
        return scene

    def _say_refused(self, key: SceneKey, refused: Refused) -> None:
        """Once a minute: they may come at any rate."""
        if monotonic() >= self._say_again_s:
            self._say_again_s = monotonic() + _SAY_EVERY_S
            logger.error("%s: detections are left out: %s", "/".join(key)[:200], refused)

    def pictured(self, key: SceneKey, object_id: str, snapshot: Snapshot) -> SceneEvent | None:
        """The event of an object's new snapshot; None: it has ended."""
        scene = self._scenes.get(key)
        said = None if scene is None else scene.scene.pictured(object_id, snapshot)
        if said is not None:
            self._changed.add(key)
        return said

    @property
    def known(self) -> dict[str, tuple[SceneKey, str | None]]:
        """The objects that subscribers know, where they are, and who, where they were recognised."""
        return {one: (key, name) for key, scene in self._scenes.items() for one, name in scene.scene.known.items()}

    def close(self) -> None:
        """They are another worker's now."""
        for scene in self._scenes.values():
            metrics.forget(scene)

    def tick(self, now: dt.datetime) -> list[SceneEvent]:
        """The events that follow from time alone."""
        events = []
        for key, scene in self._scenes.items():
            said = scene.tick(now)
            if said:
                self._changed.add(key)
                events += said
        return events

    def forget(self, now_s: float) -> None:
        """Let go of cameras that are long gone."""
        for key, scene in list(self._scenes.items()):
            live = scene.recording is None
            if now_s - scene.touched_s > (_LIVE_FORGOTTEN_AFTER_S if live else _RECORDING_FORGOTTEN_AFTER_S):
                logger.info("%s: forgotten", "/".join(key))
                self._hints.forget(scene)
                metrics.forget(self._scenes.pop(key))
                self._changed.add(key)

    def safe(self, position: int) -> int:
        """Up to where detections needn't be read again: `position`, or less where a recording's wait for others."""
        waiting = [scene.waits_since for scene in self._scenes.values() if scene.waits_since is not None]
        return min([position, *(first - 1 for first in waiting)])

    def settings_changed(self) -> None:
        """Go on with what the settings are now."""
        for key, scene in self._scenes.items():
            settings = self._settings_of(key)
            if settings != scene.settings:
                self._scenes[key] = scene.with_settings(settings)
                self._changed.add(key)

    @property
    def has_unsaved(self) -> bool:
        """Whether `unsaved` has any."""
        return bool(self._changed)

    def unsaved(self) -> set[SceneKey]:
        """What has changed, or is gone, since this was asked last."""
        changed, self._changed = self._changed, set()
        return changed

    def dumped(self, key: SceneKey) -> bytes | None:
        """A scene, to be saved; None: it is gone."""
        scene = self._scenes.get(key)
        if scene is None:
            return None
        dumped = json.dumps(scene.state(), separators=(",", ":")).encode()
        if len(dumped) <= MOST_STATE_BYTES:
            return dumped
        logger.error("%s: what is known of it is %s bytes, its objects begin anew", "/".join(key), len(dumped))
        metrics.DEFECTS.inc()
        metrics.forget(self._scenes.pop(key))
        return None

    def _restore(self, key: SceneKey, state: dict[str, Any], now_s: float) -> None:
        try:
            self._scenes[key] = CameraScene.restored(key, self._settings_of(key), state, self._published)
        except (ValueError, KeyError, TypeError) as error:
            logger.error("%s: what was saved can't be read, its objects begin anew: %s", "/".join(key), error)
        else:
            self._scenes[key].touched_s = now_s
            if self._published.ids:  # it may know of more now than what was saved does
                self._changed.add(key)
