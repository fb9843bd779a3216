"""What happens before the cameras, as a program of your own gets it: `python examples/events.py site.yaml`.

Each kind of event is a class, with its fields known to editors and type checkers.
"""

import asyncio
import sys

import vedette
from vedette.event_parser import Event
from vedette.object_messages import (
    IdentityMatch,
    InputChange,
    LineCross,
    ObjectEnd,
    ObjectNew,
    ObjectUpdate,
    ZoneEnter,
    ZoneLeave,
)


def line(event: Event) -> str:
    """One event in words."""
    match event.data:
        case ObjectNew() as data:
            return f"{data.object.label} {data.object.id} is there"
        case ObjectUpdate() as data:
            return f"{data.object.label} {data.object.id} has changed: {', '.join(data.changed)}"
        case ObjectEnd() as data:
            return f"{data.object.label} {data.object.id} is gone after {data.duration_s:.0f} s ({data.reason})"
        case ZoneEnter() as data:
            return f"{data.object.label} {data.object.id} is in {data.zone}, the {data.occupancy}. there"
        case ZoneLeave() as data:
            return f"{data.object.label} {data.object.id} was in {data.zone} for {data.dwell_s:.0f} s"
        case LineCross() as data:
            return f"{data.object.label} {data.object.id} went {data.direction} over {data.line}"
        case IdentityMatch() as data:
            return f"{data.object.label} {data.object.id} is {data.identity} ({data.similarity:.2f})"
        case InputChange() as data:
            return f"the picture of {data.camera} is {', '.join(data.conditions) or 'well again'}"
    return f"an event of another version: {event.type}"


async def main(config: str) -> None:
    """Print events, from where this program was when it ended last."""
    async with vedette.subscribe(config=config, subject="vedette.events.>", durable="example") as events:
        async for event in events:
            print(event.time, line(event))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
