"""The main stream's picture of a frame, where the camera's gateway gives such pictures (`vedette.stills`)."""

import datetime as dt
import logging

from nats.errors import Error as NatsError

from events.snapshots.cutting import BadPicture, size_of
from events.snapshots.portrait import Portrait
from vedette.bus.connection import Bus, describe
from vedette.messages import FrameRef
from vedette.stills import ANSWER_WITHIN_S, StillWanted
from vedette.subjects import still

logger = logging.getLogger(__name__)


async def main_picture(bus: Bus, portrait: Portrait) -> bytes | None:
    """A JPEG of the whole main picture; None where there is none: what was inferred has to do."""
    at = _arrived_at(portrait.frame)
    if at is None:
        return None
    question = StillWanted(arrived_at=at).model_dump_json().encode()
    try:
        answer = await bus.client.request(still(portrait.site, portrait.camera), question, timeout=ANSWER_WITHIN_S)
        if not answer.data:
            return None
        size_of(answer.data)
    except BadPicture as error:
        logger.warning("%s: the main stream's picture %s", portrait.camera, error)
        return None
    except (NatsError, TimeoutError) as error:  # as a rule, nobody gives any
        logger.debug("%s: no picture of the main stream: %s", portrait.camera, describe(error))
        return None
    return answer.data


def _arrived_at(frame: FrameRef) -> dt.datetime | None:
    """When the frame reached its gateway, if that is known: of an onset frame `arrived_at` is when it was released."""
    if frame.gate != "onset":
        return frame.arrived_at
    return frame.captured_at if frame.clock == "arrival" else None
