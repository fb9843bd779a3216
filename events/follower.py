"""Which object each detection of a recording is: the scene of the events worker once more, fed with the same messages.

A scene is deterministic, so its ids are those of the published events, as long as it goes by the same settings.
"""

import asyncio
from collections.abc import Mapping, Sequence

from events.scene import Scene
from events.scene_settings import CameraSettings, Places, scene_settings
from events.scenes.camera_scene import SceneKey
from vedette.background import background
from vedette.buckets import CAMERAS
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.events_settings import Events, Line, Mask, Zone
from vedette.errors import BusUnavailable
from vedette.messages import DetectionsEvent
from vedette.object_messages import ObjectState
from vedette.subjects import Feed

_SETTINGS_WITHIN_S = 30.0


class Follower:
    """Of one recording; wants its frames in order."""

    def __init__(self, events: Events, places: Places, key: SceneKey) -> None:
        self._places = places
        self._scene = Scene(*key, scene_settings(events, places))

    @property
    def zones(self) -> Mapping[str, Zone]:
        return self._places.zones

    @property
    def lines(self) -> Mapping[str, Line]:
        return self._places.lines

    @property
    def masks(self) -> Sequence[Mask]:
        return self._places.masks

    def see(self, event: DetectionsEvent) -> tuple[ObjectState, ...]:
        """The objects in the next frame, those too that no event tells of (yet)."""
        data = event.data
        if data.frame.final:  # else they would have ended with it, and not be in it
            data = data.model_copy(update={"frame": data.frame.model_copy(update={"final": False})})
        self._scene.see(data, event.id)
        return self._scene.sighted


async def follow(bus: Bus, config: Config, feed: Feed) -> Follower:
    """For the recording `feed`, with the zones, lines and masks that the events workers have now.

    Raises:
        BusUnavailable: the server doesn't say which.
    """
    settings = CameraSettings(config)
    try:
        async with asyncio.timeout(_SETTINGS_WITHIN_S), background(settings.follow(bus, lambda: None)):
            await settings.until_known()
    except TimeoutError as error:
        raise BusUnavailable(f"{CAMERAS}: no answer") from error
    return Follower(
        config.events, settings.places(feed.site, feed.camera), SceneKey(feed.site, feed.camera, feed.pipeline)
    )
