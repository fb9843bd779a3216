"""Roll-outs in the KV bucket `vedette-rollouts`, by model: all processes that serve a model follow one record.

The bucket is looked at, not watched: a watch is silent for long after the server was away, and a look costs little.
"""

import re
from typing import NamedTuple

from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from inference.repository.card import NAME
from inference.rollout.record import Record, RolloutRefused
from vedette.buckets import ROLLOUTS
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable, Conflict


class Stored(NamedTuple):
    """What the bucket says of a model."""

    record: Record | None
    """None: nobody has said anything, or it was ended."""
    revision: int
    """0: never written."""


class RolloutStore:
    """Use it with a connected bus, or one that will be connected again."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, model: str) -> Stored:
        """The roll-out as it is now.

        Raises:
            BusUnavailable: not connected, or no answer.
            RolloutRefused: what lies there is none; the text says so.
        """
        try:
            entry = await (await self._bus.bucket(ROLLOUTS)).get(_key(model))
        except KeyNotFoundError as error:
            return Stored(None, (error.entry.revision or 0) if error.entry else 0)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"the roll-out of {model}: {describe(error)}") from error
        try:
            return Stored(Record.decode(entry.value or b""), entry.revision or 0)
        except RolloutRefused as error:
            raise RolloutRefused(f"the roll-out of {model} at revision {entry.revision} is damaged: {error}") from None

    async def write(self, model: str, record: Record | None, revision: int) -> int:
        """Put `record` in the place of what is at `revision` (None: end the roll-out); returns the new revision.

        Raises:
            Conflict: it is at another revision.
            BusUnavailable: not connected, or no answer: it may or may not have been written.
        """
        try:
            bucket = await self._bus.bucket(ROLLOUTS)
            if record is None:
                await bucket.delete(_key(model), last=revision)
                return (await self.read(model)).revision
            return await bucket.update(_key(model), record.encode(), last=revision)
        except KeyWrongLastSequenceError:
            raise Conflict(
                f"the roll-out of {model} is not at revision {revision} any more: somebody else has changed it;"
                " look at it and try again"
            ) from None
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"the roll-out of {model}: {describe(error)}") from error


def _key(model: str) -> str:
    if not re.fullmatch(NAME, model):
        raise RolloutRefused(f"{model!r} is no model's name")
    return model
