"""What the streams hold: read on after each fault, and once more from the beginning at the end."""

from collections import Counter
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy

from chaos.witness import SUBJECTS
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.event_parser import parse_event

_MESSAGE_WITHIN_S = 60.0
"""A machine may stand still for seconds."""


@dataclass
class Ledger:
    """Ids of the messages of each stream, in order: number `n` has the sequence `n + 1`."""

    ids: dict[str, list[str]] = field(default_factory=lambda: {stream: [] for stream in SUBJECTS})

    async def read_on(self, bus: Bus) -> list[str]:
        """Read what was added; returns what is wrong with it.

        Raises BusUnavailable.
        """
        wrong: list[str] = []
        for stream in SUBJECTS:
            try:
                wrong += await self._read_on(bus, stream)
            except (NatsError, TimeoutError) as error:
                raise BusUnavailable(f"{stream}: {describe(error)}") from error
        return wrong

    async def _read_on(self, bus: Bus, stream: str) -> list[str]:
        known = self.ids[stream]
        state = (await bus.jetstream.stream_info(stream)).state
        if state.last_seq < len(known):
            return [f"{stream} held {len(known)} messages, and now ends at {state.last_seq}"]
        if state.messages != state.last_seq:
            return [f"{stream} has {state.messages} messages, {state.last_seq} were stored"]
        before = len(known)
        known += await _ids(bus, stream, before + 1, state.last_seq)
        doubles = [ident for ident, times in Counter(known).items() if times > 1]
        return [f"{stream} holds {ident} more than once" for ident in doubles[:5]]

    async def read_again(self, bus: Bus) -> list[str]:
        """Compare the whole with what was read piece by piece: what was there once must be there still."""
        again = Ledger()
        wrong = await again.read_on(bus)
        for stream, ids in self.ids.items():
            if again.ids[stream][: len(ids)] != ids:
                wrong.append(f"{stream} is not what it was: {len(set(ids) - set(again.ids[stream]))} messages are gone")
        return wrong

    def gaps(self) -> list[str]:
        """Objects of which an event is missing: their revisions count from 1."""
        revisions: dict[str, set[int]] = {}
        for ident in self.ids["EVENTS"]:
            whose, _, revision = ident.rpartition("/")
            if revision.isdigit():
                revisions.setdefault(whose, set()).add(int(revision))
        return [
            f"object {whose} has the revisions {sorted(found)}"
            for whose, found in revisions.items()
            if found != set(range(1, len(found) + 1))
        ]


async def _ids(bus: Bus, stream: str, first: int, last: int) -> list[str]:
    if first > last:
        return []
    subscription = await bus.jetstream.subscribe(
        SUBJECTS[stream],
        stream=stream,
        ordered_consumer=True,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first),
    )
    try:
        messages = [await subscription.next_msg(_MESSAGE_WITHIN_S) for _ in range(last - first + 1)]
    finally:
        await subscription.unsubscribe()
    return [_id_of(message) for message in messages]


def _id_of(message: Msg) -> str:
    """As a subscriber has it; of what is no event, as the server has it."""
    try:
        return parse_event(message.data).id
    except MalformedMessage:
        return (message.headers or {}).get("Nats-Msg-Id", "")
