"""A camera with a substream: both streams are looked at, and then read as what they turned out to be."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain, repeat

from gateway.errors import SourceError
from gateway.processes.messages import ReaderPlan
from gateway.reading.interface import ReaderObserver, ReaderStats, Substream
from gateway.reading.tap import Sink
from gateway.substream.sight import Sight, sight
from gateway.substream.stills import Stills
from gateway.substream.streams import Beside, TwoStreams, Until, start_beside

logger = logging.getLogger(__name__)

_SAME = 0.005
_LEAVE_WITHIN_S = 0.5
_AGAIN_S = (30.0, 120.0, 600.0)
"""When a view that can't be told is measured again;"""
_HOURLY_S = 3600.0
"""and then so often: it may have been night."""


class SubstreamReader:
    """Reads like a `Reader`, with its guarantees.

    A run begins with a picture of each stream, and nothing is sampled before. The view is then known: given, measured
    now or earlier, or assumed to be the whole; see `TwoStreams` for what that means. It is found out anew when the
    size of a picture changes.
    """

    def __init__(
        self,
        plan: ReaderPlan,
        substream: Substream,
        sink: Sink,
        observer: ReaderObserver,
        beside: Beside = nullcontext,
        on_still: Callable[[int, bytes], None] | None = None,
    ) -> None:
        """`beside` is entered by each thread that is started; `on_still` hears the answers to `still`. Raises
        ValueError as `Reader` does."""
        self.stats = ReaderStats()
        """Of the stream that decides when to sample: the substream, or the main stream where that is read alone."""
        self._plan = plan
        self._substream = substream
        self._sink = sink
        self._observer = observer
        self._beside = beside
        self._found: Sight | None = None
        self.streams: TwoStreams | None = None
        """What is read, since both streams were looked at."""
        self._rates: dict[str, float] = {}
        self._stills = None
        if substream.stills and on_still is not None:
            self._stills = Stills(plan, lambda: self.stats.gate == "open", on_still)

    def run(self, stop: threading.Event) -> None:
        """As `Reader.run`."""
        with self._giving_stills(stop):
            while not stop.is_set():
                seen, self._found = self._found or self._look(stop), None
                if seen is None:
                    return
                streams, until = self._streams_of(seen), Until(stop)
                with self._looking_again(streams.seen, until):
                    streams.run(until)

    def set_fps(self, pipeline: str, fps: float) -> None:
        """As `Reader.set_fps`."""
        self._rates[pipeline] = fps
        if (streams := self.streams) is not None:
            streams.set_fps(pipeline, fps)

    def hint(self, until_s: float) -> None:
        """As `Reader.hint`."""
        if (streams := self.streams) is not None:
            streams.hint(until_s)

    def still(self, number: int, arrived_at: float) -> None:
        """Ask for the main stream's picture that came at this moment, Unix seconds. Any thread may call it."""
        if self._stills is not None:
            self._stills.ask(number, arrived_at)

    @contextmanager
    def _giving_stills(self, stop: threading.Event) -> Iterator[None]:
        until = Until(stop)
        thread = None
        if self._stills is not None:
            thread = start_beside("stills", self._beside, partial(self._stills.run, until))
        try:
            yield
        finally:
            until.set()
            if thread is not None:
                thread.join(_LEAVE_WITHIN_S)

    def _look(self, stop: threading.Event) -> Sight | None:
        return sight(self._plan.url, self._substream, self._plan.options, stop)

    def _streams_of(self, seen: Sight) -> TwoStreams:
        """Those that there are, if they are still right."""
        if self.streams is None or self.streams.stuck or not _agree(self.streams.seen, seen):
            plan, url = self._plan, self._substream.url
            self.streams = TwoStreams(plan, url, seen, self._sink, self._observer, self.stats, self._beside)
            for pipeline, fps in list(self._rates.items()):
                self.streams.set_fps(pipeline, fps)
        return self.streams

    @contextmanager
    def _looking_again(self, seen: Sight, until: Until) -> Iterator[None]:
        """While the view is assumed, it is measured again and again, in another thread."""
        if seen.known == "assumed":
            start_beside("sight", self._beside, partial(self._look_again, until))
        try:
            yield
        finally:
            until.set()

    def _look_again(self, until: Until) -> None:
        for wait_s in chain(_AGAIN_S, repeat(_HOURLY_S)):
            if until.wait(wait_s):
                return
            try:
                seen = self._look(until)
            except SourceError as error:
                logger.debug("the substream's view can't be measured: %s", error)
                continue
            if seen is not None and seen.known == "measured":
                self._found = seen
                until.set()


def _agree(before: Sight, now: Sight) -> bool:
    """Whether what was seen before still holds. A measured view does while it can't be measured: it may be night."""
    if before.substream_size != now.substream_size or (now.main and before.main_size != now.main_size):
        return False
    if before.known == "assumed":
        return now == before
    return now.known == "assumed" or before.view.apart(now.view) < _SAME
