"""Events that a sink would not take, in a stream of their own, with why; the event itself is as it was."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from events.sinks.sink_event import HEADERS, SinkEvent
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.messages import rfc3339
from vedette.streams import DEAD
from vedette.subjects import dead

REFUSED, ATTEMPTS, AGE = "refused", "attempts", "age"
"""Why: the receiver would never take it, it was sent too often, it became too old."""
_ID, _SUBJECT, _STORED_AT = "Vedette-Event-Id", "Vedette-Subject", "Vedette-Stored-At"
_REASON, _ATTEMPTS, _ERROR = "Vedette-Reason", "Vedette-Attempts", "Vedette-Last-Error"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them."""

    sequence: int
    """In the stream `DEAD`; its name for commands."""
    event: SinkEvent
    reason: str
    attempts: int
    last_error: str
    died_at: dt.datetime


async def bury(bus: Bus, site: str, sink: str, event: SinkEvent, reason: str, last_error: str) -> None:
    """Keep `event` as a dead letter of the sink; returns when it is stored.

    Raises:
        BusUnavailable: it may or may not be.
        MessageTooLarge
    """
    headers = {
        **HEADERS,
        _ID: event.id,
        _SUBJECT: event.subject,
        _STORED_AT: rfc3339(event.stored_at),
        _REASON: reason,
        _ATTEMPTS: str(event.attempts),
        _ERROR: last_error,
    }
    await bus.publish_confirmed(dead(site, sink), event.payload, headers, f"{site}/{sink}/{event.id}/{event.sequence}")


async def dead_letters(bus: Bus, site: str, sink: str) -> AsyncIterator[DeadLetter]:
    """Those of a sink that there are now, oldest first.

    Raises BusUnavailable.
    """
    try:
        last = (await bus.jetstream.stream_info(DEAD)).state.last_seq
        sequence = 1
        while sequence <= last:
            message = await bus.jetstream.get_msg(DEAD, seq=sequence, subject=dead(site, sink), next=True)
            if message.seq is None or message.seq > last:
                return
            yield _letter(message.seq, message.headers or {}, message.data or b"", message.time)
            sequence = message.seq + 1
    except NotFoundError:
        return
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{DEAD}: {describe(error)}") from error


async def number_of(bus: Bus, site: str, sink: str) -> int:
    """How many there are of a sink.

    Raises BusUnavailable.
    """
    try:
        state = (await bus.jetstream.stream_info(DEAD, subjects_filter=dead(site, sink))).state
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{DEAD}: {describe(error)}") from error
    return (state.subjects or {}).get(dead(site, sink), 0)


async def remove(bus: Bus, letter: DeadLetter) -> None:
    """It is delivered after all.

    Raises BusUnavailable.
    """
    try:
        await bus.jetstream.delete_msg(DEAD, letter.sequence)
    except NotFoundError:
        return
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{DEAD}: {describe(error)}") from error


def _letter(sequence: int, headers: dict[str, str], payload: bytes, died_at: dt.datetime | None) -> DeadLetter:
    stored_at = dt.datetime.fromisoformat(headers[_STORED_AT])
    event = SinkEvent(headers[_ID], headers[_SUBJECT], payload, stored_at)
    attempts = int(headers[_ATTEMPTS])
    return DeadLetter(sequence, event, headers[_REASON], attempts, headers[_ERROR], died_at or stored_at)
