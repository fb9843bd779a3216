"""What a worker remembers of a sink while reading begins anew: after a lost connection, or a lease that ran out."""

from events.sinks.sink_event import SinkEvent
from vedette.consumers import SINK_EVENTS_IN_HAND
from vedette.subscriber.order import Recent

_EVENTS = 2 * SINK_EVENTS_IN_HAND


class History:
    """Of one sink; bounded by what can be in hand."""

    def __init__(self) -> None:
        self.not_before_s = 0.0
        """The receiver asked for nothing to be sent until then, by the monotonic clock."""
        self._done: Recent[tuple[int, str], None] = Recent(_EVENTS)
        self._attempts: Recent[tuple[int, str], int] = Recent(_EVENTS)

    def is_done(self, event: SinkEvent) -> bool:
        """Whether it is delivered, or a dead letter."""
        return _key(event) in self._done

    def done(self, event: SinkEvent) -> None:
        """It is."""
        self._done.put(_key(event), None)

    def failed(self, event: SinkEvent) -> int:
        """An attempt has failed; returns how many have by now."""
        attempts = (self._attempts.get(_key(event)) or 0) + 1
        self._attempts.put(_key(event), attempts)
        return attempts


def _key(event: SinkEvent) -> tuple[int, str]:
    return event.sequence, event.id
