"""Makes snapshots of portraits: the picture read, the objects cut out, both stored."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from events.metrics import SNAPSHOT_SECONDS, SNAPSHOTS
from events.snapshots.choice import Choice
from events.snapshots.cutting import BadPicture, Cut, cut_out, whole
from events.snapshots.main_picture import main_picture
from events.snapshots.picture_reader import KeptPicture, read_picture
from events.snapshots.portrait import Portrait, sharpness_share
from vedette.bus.connection import Bus
from vedette.config.snapshots_settings import Snapshots
from vedette.errors import BusUnavailable, MessageTooLarge
from vedette.object_messages import Snapshot
from vedette.snapshots.record import Kind, SnapshotRecord
from vedette.snapshots.store import SnapshotStore
from vedette.subjects import Feed
from vedette.view import WHOLE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot that is stored."""

    portrait: Portrait
    snapshot: Snapshot


class SnapshotMaker:
    """One a process: JPEGs are worked on in one thread, however many partitions there are."""

    def __init__(self, bus: Bus, settings: Snapshots) -> None:
        self.settings = settings
        self.store = SnapshotStore(bus)
        self._bus = bus
        self._thread = ThreadPoolExecutor(1, "snapshots")

    def close(self) -> None:
        """What is in hand is done in the thread, and nobody waits for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def make(self, portraits: Sequence[Portrait], choice: Choice, names: Mapping[str, str]) -> list[Made]:
        """Snapshots of those of `portraits`, all of one picture, that are better than what `choice` knows; it is told
        of them. `names`: who the objects are, as far as that is known. What can't be had is counted.
        """
        began_s = monotonic()
        try:
            cuts, full = await self._cut(portraits)
            better = self._better(portraits, cuts, choice)
            if better:
                await self._put(better, full, names)
        except _Gone:
            return _counted("gone", portraits)
        except BadPicture as error:
            logger.warning("%s: the picture of %s %s", portraits[0].camera, portraits[0].object, error)
            return _counted("undecodable", portraits)
        except MessageTooLarge as error:
            logger.warning("%s", error)
            return _counted("too large", portraits)
        except BusUnavailable as error:
            logger.warning("a snapshot is left out: %s", error)
            return _counted("unavailable", portraits)
        SNAPSHOT_SECONDS.observe(monotonic() - began_s)
        return [self._made(portrait, cut, full, score, choice) for portrait, cut, score in better]

    async def _cut(self, portraits: Sequence[Portrait]) -> tuple[list[Cut | None], Cut | None]:
        first = portraits[0]
        main = await main_picture(self._bus, first)
        if main is not None:
            picture: KeptPicture | None = KeptPicture(main, WHOLE)
        else:
            picture = await read_picture(self._bus, Feed(first.pipeline, first.site, first.camera), first.frame)
        if picture is None:
            raise _Gone
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, picture, portraits)

    def _work(self, picture: KeptPicture, portraits: Sequence[Portrait]) -> tuple[list[Cut | None], Cut | None]:
        cuts = cut_out(picture.jpeg, picture.view, [one.bbox for one in portraits], self.settings)
        return cuts, whole(picture.jpeg) if self.settings.full else None

    def _better(
        self, portraits: Sequence[Portrait], cuts: Sequence[Cut | None], choice: Choice
    ) -> list[tuple[Portrait, Cut, float]]:
        better = []
        for portrait, cut in zip(portraits, cuts, strict=True):
            if cut is None:
                _counted("outside", [portrait])
            elif (score := choice.score(portrait, cut.sharpness)) is None:
                _counted("worse", [portrait])
            else:
                better.append((portrait, cut, score))
        return better

    async def _put(
        self, better: Sequence[tuple[Portrait, Cut, float]], full: Cut | None, names: Mapping[str, str]
    ) -> None:
        """All pictures and records at once, or none."""
        pictures = []
        for portrait, cut, score in better:
            person = names.get(portrait.object, portrait.person)
            pictures.append((_record(portrait, cut, "crop", person, score), cut.jpeg))
            if full is not None:
                pictures.append((_record(portrait, full, "full", person, score), full.jpeg))
        await self.store.put(pictures)

    def _made(self, portrait: Portrait, cut: Cut, full: Cut | None, score: float, choice: Choice) -> Made:
        _counted("stored", [portrait])
        of_whole = None if full is None else full.sha256
        snapshot = Snapshot(sha256=cut.sha256, width=cut.width, height=cut.height, full=of_whole)
        sharpness = cut.sharpness if portrait.sharpness is None else portrait.sharpness
        choice.store(portrait.object, snapshot, score, sharpness_share(sharpness))
        return Made(portrait, snapshot)


class _Gone(Exception):
    """The picture is not kept any more."""


def _counted(outcome: str, portraits: Sequence[Portrait]) -> list[Made]:
    SNAPSHOTS.labels(outcome).inc(len(portraits))
    return []


def _record(portrait: Portrait, cut: Cut, kind: Kind, person: str | None, score: float) -> SnapshotRecord:
    return SnapshotRecord(
        sha256=cut.sha256,
        kind=kind,
        site=portrait.site,
        camera=portrait.camera,
        pipeline=portrait.pipeline,
        object=portrait.object,
        label=portrait.label,
        person=person,
        captured_at=portrait.frame.captured_at,
        width=cut.width,
        height=cut.height,
        size_bytes=len(cut.jpeg),
        score=round(score, 5),
    )
