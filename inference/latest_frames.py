"""Reads the latest frame of many cameras in one request: JetStream Direct Get with `multi_last` (ADR-31)."""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus import Bus, describe
from vedette.errors import BusUnavailable
from vedette.subjects import FRAMES

logger = logging.getLogger(__name__)

MOST_SUBJECTS = 1024
"""The server answers 413 to more."""
_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as the server keeps it."""

    jpeg: bytes
    headers: dict[str, str]
    stored_at: dt.datetime
    """By the server's clock."""


@dataclass(slots=True)
class _Answer:
    done: asyncio.Future[None]
    frames: dict[str, StoredFrame] = field(default_factory=dict)


class LatestFrames:
    """Use `start` once, then `read` as often as needed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._inbox = bus.client.new_inbox()
        self._answers: dict[str, _Answer] = {}
        self._asked = 0

    async def start(self) -> None:
        """Listen for the answers."""
        await self._bus.client.subscribe(f"{self._inbox}.*", cb=self._on_message)

    async def read(self, subjects: Sequence[str]) -> dict[str, StoredFrame]:
        """The latest frame of each of `subjects` (at most 1,024); one that has none is absent.

        Raises:
            BusUnavailable: no answer, or not connected.
        """
        self._asked += 1
        reply = f"{self._inbox}.{self._asked}"
        answer = self._answers[reply] = _Answer(asyncio.get_running_loop().create_future())
        try:
            body = json.dumps({"multi_last": list(subjects)}).encode()
            await self._bus.client.publish(f"$JS.API.DIRECT.GET.{FRAMES}", body, reply=reply)
            await asyncio.wait_for(answer.done, _TIMEOUT_S)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"reading {len(subjects)} frames: {describe(error)}") from error
        finally:
            del self._answers[reply]
        return answer.frames

    async def _on_message(self, message: Msg) -> None:
        answer = self._answers.get(message.subject)
        if answer is None or answer.done.done():
            return
        headers = dict(message.headers or {})
        status = headers.get("Status")
        if status is None:
            answer.frames[headers["Nats-Subject"]] = StoredFrame(
                message.data, headers, moment(headers["Nats-Time-Stamp"])
            )
        elif status in ("204", "404"):  # end of batch; none of the subjects has a message
            answer.done.set_result(None)
        else:
            answer.done.set_exception(BusUnavailable(f"Direct Get: {status} {headers.get('Description', '')}"))


def moment(text: str) -> dt.datetime:
    """A time stamp of the server: RFC 3339 in UTC with up to nine decimals, of which Python reads six."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return dt.datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
