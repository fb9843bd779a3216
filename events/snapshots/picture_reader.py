"""The picture of a frame, from the stream `PICTURES`, which keeps it for a minute."""

from dataclasses import dataclass

from vedette.bus.connection import Bus
from vedette.bus.direct_read import read_at
from vedette.errors import MalformedMessage
from vedette.frames import FrameHeaders
from vedette.messages import FrameRef
from vedette.streams import PICTURES
from vedette.subjects import Feed
from vedette.view import View


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """What was inferred."""

    jpeg: bytes
    view: View


async def read_picture(bus: Bus, feed: Feed, frame: FrameRef) -> KeptPicture | None:
    """The picture of `frame`; None: it is gone.

    The stream lies in memory and counts anew after a restart of the server: a picture at the right sequence may be
    another one, so what it says of itself is looked at.

    Raises:
        BusUnavailable: the server doesn't answer.
    """
    if frame.picture is None:
        return None
    stored = await read_at(bus, PICTURES, frame.picture)
    if stored is None or stored.subject != feed.picture:
        return None
    try:
        headers = FrameHeaders.decode(stored.headers)
    except MalformedMessage:
        return None
    return (
        KeptPicture(stored.payload, headers.view) if (headers.epoch, headers.seq) == (frame.epoch, frame.seq) else None
    )
