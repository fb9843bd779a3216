"""What is known of a partition, in the KV bucket `vedette-scenes`: written all at once, by its owner alone.

Under `p<partition>` lies up to where its detections are in its scenes; under `p<partition>.<site>.<camera>.<pipeline>`
each scene. A save is one atomic batch of the scenes that have changed and of the position, so that together they are
always what was true at one moment. Whoever takes the partition writes its position first: a predecessor that only
thinks it is the owner has a wrong revision from then on, and none of its batch is written.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError

from events.errors import PartitionLost
from events.scenes.camera_scene import SceneKey
from events.stream.bucket_reader import entries
from vedette.buckets import SCENES, scenes_key
from vedette.bus.atomic_write import MOST_WRITES, Write, write
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable, Conflict

logger = logging.getLogger(__name__)

Names = Mapping[str, tuple[SceneKey, str]]
"""By object: where it is, and who."""
NOBODY: Names = {}

_VERSION = 1
_READ_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Saved:
    """A partition as it was at one moment."""

    position: int
    """All detections up to this sequence of `DETECTIONS` are in the scenes."""
    events: int
    """Sequence of `EVENTS` at that moment: what follows from later detections comes after it."""
    scenes: Mapping[SceneKey, dict[str, Any]] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    """What the records of snapshots didn't say yet."""


class SceneStore:
    """One partition's, while this worker has it."""

    def __init__(self, bus: Bus, partition: int, owner: str) -> None:
        self._bus = bus
        self._key = scenes_key(partition)
        self._owner = owner
        self._revisions: dict[str, int] = {}
        self._record = b""
        """The position as it was written last."""

    async def take_over(self, beginning: Saved) -> Saved:
        """Claim the partition, and read what was saved; `beginning` where nothing ever was.

        Raises:
            PartitionLost: another worker claims it at the same time.
            BusUnavailable, ReaderBroken: the server doesn't answer.
        """
        try:
            async with asyncio.timeout(_READ_WITHIN_S):
                saved = await self._claim(beginning)
                return replace(saved, scenes=await self._scenes())
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{SCENES}: {describe(error)}") from error

    async def save(
        self, position: int, events: int, scenes: Mapping[SceneKey, bytes | None], names: Names = NOBODY
    ) -> None:
        """Write what has changed, and all of `names`; a scene that is None is deleted.

        Raises:
            PartitionLost: another worker has claimed the partition meanwhile: nothing was written.
            BusUnavailable: it may or may not be written; the store has to be taken over again.
            MessageTooLarge: a scene is over the server's limit.
        """
        writes = [self._write(self._scene_key(key), value) for key, value in scenes.items()]
        writes = [one for one in writes if one.value is not None or one.revision]
        while len(writes) >= MOST_WRITES:  # scenes may be ahead of the position: they know what they have seen
            await self._make([*writes[: MOST_WRITES - 1], self._write(self._key, self._record)])
            writes = writes[MOST_WRITES - 1 :]
        self._record = self._encoded(Saved(position, events, names=names))
        await self._make([*writes, self._write(self._key, self._record)])

    async def _claim(self, beginning: Saved) -> Saved:
        bucket = await self._bus.bucket(SCENES)
        try:
            entry = await bucket.get(self._key)
            value, revision = entry.value or b"", entry.revision or 0
        except KeyNotFoundError as error:
            value, revision = b"", (error.entry.revision or 0) if error.entry else 0
        self._revisions = {self._key: revision}
        saved = _saved(value, self._key) or beginning
        self._record = self._encoded(saved)
        await self._make([self._write(self._key, self._record)])
        return saved

    async def _scenes(self) -> dict[SceneKey, dict[str, Any]]:
        found: dict[SceneKey, dict[str, Any]] = {}
        async with aclosing(entries(self._bus, SCENES, f"{self._key}.>")) as saved:
            async for entry in saved:
                if entry is None:
                    break
                self._revisions[entry.key] = entry.revision
                if entry.value is not None:
                    self._read(entry.key, entry.value, found)
        return found

    def _read(self, key: str, value: bytes, found: dict[SceneKey, dict[str, Any]]) -> None:
        try:
            found[SceneKey(*key.split(".")[1:])] = json.loads(value)
        except (ValueError, TypeError) as error:
            logger.error("%s of %s is left out: %s", key, SCENES, error)

    async def _make(self, writes: list[Write]) -> None:
        try:
            last = await write(self._bus, SCENES, writes)
        except Conflict as error:
            raise PartitionLost(f"{self._key}: another worker has claimed it") from error
        first = last - len(writes) + 1  # an atomic batch has sequences without a gap
        self._revisions.update({one.key: first + n for n, one in enumerate(writes)})

    def _write(self, key: str, value: bytes | None) -> Write:
        return Write(key, value, self._revisions.get(key, 0))

    def _encoded(self, saved: Saved) -> bytes:
        record: dict[str, Any] = {"version": _VERSION, "owner": self._owner}
        record |= {"position": saved.position, "events": saved.events}
        if saved.names:
            record["names"] = {one: [*key, person] for one, (key, person) in saved.names.items()}
        return json.dumps(record, ensure_ascii=False).encode()

    def _scene_key(self, key: SceneKey) -> str:
        return f"{self._key}.{'.'.join(key)}"


def _names(record: Mapping[str, Any]) -> Names:
    """A worker of an older version writes none."""
    names = dict(record.get("names", {}))
    return {str(one): (SceneKey(site, camera, line), person) for one, (site, camera, line, person) in names.items()}


def _saved(value: bytes, key: str) -> Saved | None:
    if not value:
        return None
    try:
        record = json.loads(value)
        if record["version"] != _VERSION:
            raise ValueError(f"version {record['version']}")
        return Saved(int(record["position"]), int(record["events"]), names=_names(record))
    except (ValueError, KeyError, TypeError) as error:
        logger.error("%s of %s can't be read and begins anew: %s", key, SCENES, error)
        return None
