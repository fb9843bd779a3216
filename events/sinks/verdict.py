"""What a receiver's answer means for the event that was sent; of webhooks, how it is judged. Pure."""

from dataclasses import dataclass
from enum import Enum

from vedette.http.post import Answer

_THE_EVENTS_FAULT = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501, 505})
"""The same event will be answered in the same way, however often it is sent. All else may be mended at the receiver:
it restarts (404, 502, 503), its credentials are changed (401, 403), its address is (3xx, which is not followed)."""
_PAUSES = frozenset({429, 503})
"""Of these a `Retry-After` is about the receiver, not about the one event."""


class Outcome(Enum):
    """Of one attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """Never send it again."""
    FAILED = "failed"
    """Send it again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one attempt."""

    outcome: Outcome
    said: str
    """For the log and the dead letter: `answered 500`, `no answer in time`."""
    wait_s: float = 0.0
    """At least so long before this event is sent again ..."""
    pause_s: float = 0.0
    """... and before any other is sent."""


def judged(answer: Answer) -> Verdict:
    """The verdict on an answer."""
    said = f"answered {answer.status}"
    if 200 <= answer.status < 300:
        return Verdict(Outcome.DELIVERED, said)
    if answer.status in _THE_EVENTS_FAULT:
        return Verdict(Outcome.REFUSED, said)
    wait_s = answer.retry_after_s or 0.0
    return Verdict(Outcome.FAILED, said, wait_s, wait_s if answer.status in _PAUSES else 0.0)
