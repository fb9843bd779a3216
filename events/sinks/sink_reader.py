"""A sink's events out of their stream, in order, from the first that is not delivered.

The sink's place is a durable consumer of the server, which anybody can look at. Who takes it over sets it back to the
first event that is not acknowledged (the server's consumer reset, nats-server 2.14), instead of waiting until those
that a predecessor had in hand come again, which would be after later ones.
"""

import json

from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo

from events.errors import ReaderBroken
from events.stream.pull_reader import PullReader
from vedette.bus.connection import Bus, describe
from vedette.config.sinks_settings import Sink
from vedette.consumers import sink_consumer
from vedette.streams import EVENTS
from vedette.subjects import sink_subjects

_RESET_TIMEOUT_S = 5.0


class SinkReader(PullReader):
    """Use `async with`, while nobody else reads for the sink."""

    def __init__(self, bus: Bus, site: str, name: str, settings: Sink) -> None:
        subjects = sink_subjects(site, settings.cameras or (), settings.kinds or ())
        super().__init__(bus, EVENTS, sink_consumer(site, name, subjects))

    async def acknowledge(self, reply: str) -> None:
        """It is done. Where the acknowledgement is lost it comes once more.

        Raises ReaderBroken.
        """
        try:
            await self._bus.client.publish(reply, b"+ACK")
        except NatsError as error:
            raise ReaderBroken(f"{self._stream}: {describe(error)}") from error

    async def place(self) -> ConsumerInfo:
        """As the server has it.

        Raises ReaderBroken.
        """
        try:
            info: ConsumerInfo = await self._bus.jetstream.consumer_info(self._stream, self._name)
        except (NatsError, TimeoutError) as error:
            raise ReaderBroken(f"{self._stream}: {describe(error)}") from error
        return info

    async def _join(self) -> ConsumerInfo:
        info: ConsumerInfo = await super()._join()
        if info.num_ack_pending or (info.delivered and info.delivered.consumer_seq):
            subject = f"$JS.API.CONSUMER.RESET.{self._stream}.{self._name}"
            answer = json.loads((await self._bus.client.request(subject, b"", timeout=_RESET_TIMEOUT_S)).data)
            if "error" in answer:
                raise NatsError(f"consumer {self._name}: {answer['error'].get('description', 'no reset')}")
        return info
