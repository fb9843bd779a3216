"""What a KV bucket has, and then each change.

The library's own watch may say "that is all" before it has given anything out, when the server is faster than the
library's next question (nats-py 2.16, `KeyValue.watch`); here the server's answer to the making of the consumer counts.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from nats.aio.msg import Msg

from events.stream.ordered_reader import OrderedReader
from vedette.bus.connection import Bus

_GONE = ("KV-Operation", "Nats-Marker-Reason")


@dataclass(frozen=True, slots=True)
class BucketEntry:
    """A key as it is now."""

    key: str
    value: bytes | None
    """None: it was deleted, or has expired."""
    revision: int


async def entries(bus: Bus, bucket: str, keys: str) -> AsyncGenerator[BucketEntry | None, None]:
    """The latest of each key that matches `keys`; None, once, when all that was there has come; then every change.

    Raises ReaderBroken.
    """
    prefix = f"$KV.{bucket}."
    async with OrderedReader(bus, f"KV_{bucket}", f"{prefix}{keys}") as reader:
        complete = reader.pending_at_start == 0
        if complete:
            yield None
        while True:
            message = await reader.next()
            yield _entry(message, message.subject.removeprefix(prefix))
            if not complete and message.metadata.num_pending == 0:
                complete = True
                yield None


def _entry(message: Msg, key: str) -> BucketEntry:
    gone = any(name in (message.headers or {}) for name in _GONE)
    return BucketEntry(key, None if gone else message.data, message.metadata.sequence.stream)
