"""Up to where the hub has a site's stream, and what it can never have of it any more. Pure.

A site's server numbers the messages of a stream without a hole, and discards the oldest. The hub stores them in that
order, each with its number there. So nothing was lost between two messages of a site in the hub if there are as many as
their numbers say; and that needs no counting as long as the site still held, afterwards, what followed the first one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A message of a site in the hub's stream."""

    at_site: int
    """Its number in the site's stream; 0: before the first one."""
    at_hub: int
    """Its number in the hub's stream; 0: before the first one."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a site's stream holds, as its server says."""

    first: int
    """Number of its oldest message; that of the next one where it holds none."""
    last: int
    created: str
    """When the stream was made: another time is another stream, with numbers from 1."""

    @property
    def empty(self) -> bool:
        return self.first > self.last


def begin(latest: Place | None, held: Held) -> Place:
    """From where on a site is watched: what it had discarded before it was ever sourced is not missed."""
    return latest or Place(max(0, held.first - 1), 0)


def complete(proven: Place, held: Held) -> bool:
    """Whether nothing behind `proven` can be lost up to the latest message that was here before `held` was asked for.

    What is lost was discarded before that message was delivered, and so the site's oldest one is later.
    """
    return held.first <= proven.at_site + 1


def lost_between(proven: Place, place: Place, stored: int) -> int:
    """How many messages are lost between the two, with `stored` ones after the first up to the second."""
    return max(0, place.at_site - proven.at_site - stored)


def lost_behind(place: Place, held: Held) -> int:
    """How many are lost behind the latest one here, where the site holds nothing more that could still come."""
    return max(0, held.last - place.at_site) if held.empty else 0


def parse_source(header: str) -> int | None:
    """The number at its site, of the header `Nats-Stream-Source`: `<stream> <number> <filter> <transform> …`."""
    words = header.split(" ")
    return int(words[1]) if len(words) >= 4 and words[1].isdigit() else None
