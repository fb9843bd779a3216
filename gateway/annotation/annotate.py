"""From the messages of a recording to its annotated video."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.annotation.annotated_video import AnnotatedVideo, Annotation
from gateway.annotation.captions import Captions
from gateway.annotation.courses import Courses
from gateway.annotation.follower import Follower
from gateway.reading.reading_thread import read_in_thread
from vedette.event_parser import Event
from vedette.messages import DetectionsEvent
from vedette.object_messages import ObjectNew
from vedette.process.shell import Stop

logger = logging.getLogger(__name__)

Tell = Callable[[int], None]


class Annotator:
    """Collects what is to be drawn, then draws it."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._courses = Courses()
        self._captions = Captions(())

    def see(self, event: DetectionsEvent) -> None:
        """The next frame's message."""
        objects = self._follower.see(event)
        if event.data.frame.pts is not None and event.data.error is None:
            self._courses.note(event.data.frame.pts, objects)

    def events(self, events: Sequence[Event]) -> None:
        """All events of the recording: what they call an object is drawn, what was a flicker is not."""
        known = {event.data.object.id for event in events if isinstance(event.data, ObjectNew)}
        unseen = len(known - set(self._courses.ids))
        if unseen:
            logger.warning("%s object(s) are not drawn: the events worker has other zones, masks or settings", unseen)
        self._courses.keep(known)
        self._captions = Captions(events)

    async def draw(self, video: Path, out: Path, stop: Stop, tell: Tell) -> int:
        """Write `out`, and return how many frames it has. `tell` is told how many there are so far, in the loop.

        Raises SourceError, GatewayError, Stopped: there is no file then, and one that was there is as it was.
        """
        loop = asyncio.get_running_loop()
        annotation = Annotation(self._follower, self._courses, self._captions)
        drawn = AnnotatedVideo(video, out, annotation, lambda frames: _tell_in(loop, tell, frames))
        stop.on_force = drawn.abandon
        await stop.unless_requested(read_in_thread("annotation", drawn.write))
        return drawn.frames


def _tell_in(loop: asyncio.AbstractEventLoop, tell: Tell, frames: int) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell, frames)
