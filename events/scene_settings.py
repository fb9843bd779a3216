"""What the scene of each camera goes by: the configuration's `events:`, and the camera's zones, lines and masks.

Those of a camera are taken from the desired cameras in the KV bucket, whoever wrote them, as they are at any time; a
recording `<name>-<run>` has those of the camera `<name>`, if there is one.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from contextlib import aclosing
from time import monotonic

from pydantic import BaseModel, ConfigDict

from events.errors import ReaderBroken
from events.scenes.camera_scene import SceneKey
from events.settings import Filter, LifeSettings, PictureSettings, SceneSettings, TrackingSettings
from events.settings import Line as SceneLine
from events.settings import Mask as SceneMask
from events.settings import Zone as SceneZone
from events.stream.bucket_reader import BucketEntry, entries
from vedette.buckets import CAMERAS
from vedette.bus.connection import Bus
from vedette.config.camera_settings import Camera
from vedette.config.config import Config
from vedette.config.events_settings import Events, Line, Mask, Picture, Zone
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.2, cap_s=5.0)
_RUN = re.compile(r"-\d{10,}$")


class Places(BaseModel):
    """What a camera's settings say of places; the rest is not this service's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    zones: dict[str, Zone] = {}
    lines: dict[str, Line] = {}
    masks: tuple[Mask, ...] = ()


class CameraSettings:
    """Of every camera on the server."""

    def __init__(self, config: Config) -> None:
        self._known = asyncio.Event()
        self._events = config.events
        self._file = {(config.site, name): _places_of(camera) for name, camera in config.cameras.items()}
        self._stored: dict[tuple[str, str], Places] = {}

    def of(self, key: SceneKey) -> SceneSettings:
        """What a scene goes by."""
        return scene_settings(self._events, self.places(key.site, key.camera))

    def places(self, site: str, camera: str) -> Places:
        """What a camera, or a recording of one, has."""
        for name in (camera, _RUN.sub("", camera)):
            found = self._stored.get((site, name)) or self._file.get((site, name))
            if found is not None:
                return found
        return Places()

    async def until_known(self) -> None:
        """Wait until what the KV bucket has was read."""
        await self._known.wait()

    async def follow(self, bus: Bus, tell: Callable[[], None]) -> None:
        """Learn what the KV bucket has, now and after each change, and tell; until cancelled."""
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                await self._follow(bus, tell)
            except ReaderBroken as error:
                logger.debug("the desired cameras can't be followed: %s", error)
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    async def _follow(self, bus: Bus, tell: Callable[[], None]) -> None:
        stored: dict[tuple[str, str], Places] = {}
        async with aclosing(entries(bus, CAMERAS, ">")) as updates:
            async for update in updates:
                if update is not None:
                    _note(update, stored)
                if update is None or self._stored is stored:  # all that is there has come
                    self._stored = stored
                    self._known.set()
                    tell()


def scene_settings(events: Events, places: Places) -> SceneSettings:
    """As the core has it."""
    objects = events.objects
    return SceneSettings(
        tracking=TrackingSettings(lost_s=objects.lost_s, stationary_lost_s=objects.stationary_lost_s),
        life=LifeSettings(
            sightings=objects.sightings,
            confidence=objects.confidence,
            update_interval_s=objects.update_s,
            stationary_s=objects.stationary_s,
            silence_s=objects.silence_s,
        ),
        picture=_picture(events.picture),
        zones=tuple(
            SceneZone(name, zone.polygon, _filter(zone), zone.anchor, zone.after_s)
            for name, zone in places.zones.items()
        ),
        lines=tuple(
            SceneLine(name, line.start, line.end, _filter(line), line.anchor, line.right, line.left)
            for name, line in places.lines.items()
        ),
        masks=tuple(SceneMask(mask.polygon, _labels(mask.labels), mask.anchor) for mask in places.masks),
    )


def _note(update: BucketEntry, stored: dict[tuple[str, str], Places]) -> None:
    site, _, camera = update.key.partition(".")
    if update.value is None:
        stored.pop((site, camera), None)
        return
    try:
        stored[site, camera] = Places.model_validate(json.loads(update.value)["camera"])
    except (ValueError, KeyError, TypeError):
        logger.error("%s: its zones, lines and masks can't be read", update.key)


def _places_of(camera: Camera) -> Places:
    return Places(zones=camera.zones, lines=camera.lines, masks=camera.masks)


def _picture(picture: Picture) -> PictureSettings:
    return PictureSettings(
        settle_s=picture.settle_s,
        settle_frames=picture.settle_frames,
        frozen_s=picture.frozen_s,
        dark=picture.underexposed,
        bright=picture.overexposed,
        covered=picture.covered,
        moved_bits=picture.moved,
    )


def _filter(place: Zone | Line) -> Filter:
    return Filter(_labels(place.labels), place.confidence, place.min_size, place.max_size)


def _labels(labels: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if labels is None else frozenset(labels)
