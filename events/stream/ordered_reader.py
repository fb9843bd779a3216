"""Messages of a stream in its order, each once, from a sequence on; without acknowledgements.

How far a partition is, is known by what is saved with its scenes. So a consumer here is one reader's, lives in the
server's memory, and is thrown away whenever there is doubt. The next one begins where this one stopped.
"""

import secrets

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from events.stream.pull_reader import PullReader
from vedette.bus.connection import Bus

_FORGOTTEN_AFTER_S = 30.0


class OrderedReader(PullReader):
    """Use `async with`. One that has raised ReaderBroken is of no more use."""

    def __init__(self, bus: Bus, stream: str, subject: str, start_seq: int = 0, headers_only: bool = False) -> None:
        """`start_seq` 0: from the oldest message kept."""
        consumer = ConsumerConfig(
            name=f"events-{secrets.token_hex(6)}",
            filter_subject=subject,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if start_seq else DeliverPolicy.ALL,
            opt_start_seq=start_seq or None,
            headers_only=headers_only or None,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=_FORGOTTEN_AFTER_S,
        )
        super().__init__(bus, stream, consumer)

    async def _leave(self) -> None:
        await self._bus.jetstream.delete_consumer(self._stream, self._name)
