"""A camera's main stream and its substream, each read for those who want it.

The gate runs on the substream, and pipelines that are content with a picture of its size get theirs from it; what they
get is said of the main stream's picture. The main stream is read for the others alone, and decoded while the gate is
open.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from dataclasses import replace
from functools import partial

from gateway.errors import Reason, SourceError
from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.messages import ReaderPlan
from gateway.reading.following import Lead
from gateway.reading.interface import ReaderObserver, ReaderStats, StreamInfo
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.reading.tap import Sink
from gateway.substream.polygons import hidden_in_substream
from gateway.substream.sight import Sight, Size
from vedette.view import View

_TOLERANCE = 0.015
"""How far a measured view may be off at most, in fractions of the main picture, and then some."""
_FOR_THE_GATE = Output("", 32, 50, Sampling(5.0))
"""So that a stream which no pipeline wants is decoded while its gate is open, for the gate to see when to close."""
_LEAVE_WITHIN_S = 1.0


Beside = Callable[[], AbstractContextManager[None]]
"""Entered by a thread that is started beside the one that runs a reader, while it works."""


class Until(threading.Event):
    """Set when it is, or when another event is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


class TwoStreams:
    """The readers of both streams, as they are to be read after `seen`.

    With privacy polygons and a view that is only assumed, all frames come from the main stream, where the polygons are
    right. A frame whose picture has another size than was seen is not handed over, and ends the run.
    """

    def __init__(
        self,
        plan: ReaderPlan,
        url: str,
        seen: Sight,
        sink: Sink,
        observer: ReaderObserver,
        stats: ReaderStats,
        beside: Beside = nullcontext,
    ) -> None:
        """`url` is the substream's, `stats` are of the stream that decides when to sample. Raises ValueError."""
        self.seen = seen
        self._sink = sink
        self._until = Until(threading.Event())
        self._stats = stats
        self._beside = beside
        self._came: set[Size] = set()
        self._surprise: str | None = None
        unsafe = bool(plan.privacy) and seen.known == "assumed"
        wide = [output for output in plan.outputs if unsafe or _is_wide(output, seen)]
        small = [output for output in plan.outputs if output not in wide]
        told, of_main = (
            _Told(observer, seen.info(tuple(output.pipeline for output in small))),
            (plan.privacy, plan.matrix),
        )
        self.readers: tuple[Reader, ...]
        """First the one that decides when to sample."""
        if unsafe or not (small or plan.options.gate):
            self.readers = (Reader(plan.url, wide, self._from_main, told, plan.options, *of_main, stats),)
            return
        polygons = hidden_in_substream(plan.privacy, seen.view, 0.0 if seen.known == "given" else _TOLERANCE)
        options = replace(plan.options, gate=_in_substream(plan.options.gate, seen.view))
        outputs = small or [_FOR_THE_GATE]
        self.readers = (Reader(url, outputs, self._from_substream, told, options, polygons, plan.matrix, stats),)
        if wide:
            options = replace(plan.options, gate=None)
            lead = None if plan.options.gate is None else Lead(stats, plan.options.gate.refresh_s)
            main = Reader(plan.url, wide, self._from_main, _Nobody(), options, *of_main, lead=lead)
            self.readers = (*self.readers, main)

    @property
    def stuck(self) -> bool:
        """A thread that should have ended is still in a library: these readers can't be run again."""
        return any(reader.busy for reader in self.readers)

    def run(self, until: Until) -> None:
        """Until then, or until what was seen is no longer so; `until` is set in the end.

        Raises:
            SourceError: one of the streams that are read broke, or is not as it was seen from the start.
        """
        self._until = until
        failures: list[Exception] = []
        threads = [
            start_beside("main-stream", self._beside, partial(_run, reader, until, failures))
            for reader in self.readers[1:]
        ]
        try:
            self.readers[0].run(until)
        finally:
            until.set()
            for thread in threads:
                thread.join(_LEAVE_WITHIN_S)
        if self._surprise is not None:
            raise SourceError(Reason.UNDECODABLE, self._surprise)
        for failure in failures:
            raise failure

    def set_fps(self, pipeline: str, fps: float) -> None:
        """As `Reader.set_fps`."""
        for reader in self.readers:
            reader.set_fps(pipeline, fps)

    def hint(self, until_s: float) -> None:
        """As `Reader.hint`."""
        self.readers[0].hint(until_s)

    def _from_main(self, frame: SampledFrame) -> None:
        if self._is_as_seen(frame, self.seen.main_size):
            self._stats.sampled += len(self.readers) - 1  # by the reader that counts for itself
            self._sink(frame)

    def _from_substream(self, frame: SampledFrame) -> None:
        if self._is_as_seen(frame, self.seen.substream_size) and frame.pipeline:
            width, height = self.seen.main_size
            self._sink(replace(frame, width=width, height=height, view=self.seen.view))

    def _is_as_seen(self, frame: SampledFrame, size: Size) -> bool:
        """Whether a frame is of the size that was seen. If not, and none ever was, looking again would not help."""
        came = (frame.width, frame.height)
        if came == size:
            self._came.add(size)
            return True
        if size not in self._came:
            self._surprise = f"its pictures are {came[0]}x{came[1]}, and were {size[0]}x{size[1]} a moment ago"
        self._until.set()
        return False


def start_beside(name: str, beside: Beside, body: Callable[[], None]) -> threading.Thread:
    """Run `body` in a thread of its own."""

    def run() -> None:
        with beside():
            body()

    thread = threading.Thread(target=copy_context().run, args=(run,), name=name, daemon=True)
    thread.start()
    return thread


def _run(reader: Reader, until: Until, failures: list[Exception]) -> None:
    """Its failure ends the other one's run too."""
    try:
        reader.run(until)
    except Exception as error:  # noqa: BLE001 -- it belongs to the thread that runs the first
        failures.append(error)
        until.set()


class _Told:
    """Tells what the camera is, whichever of its streams is read."""

    def __init__(self, observer: ReaderObserver, info: StreamInfo) -> None:
        self._info = info
        self._observer = observer
        self.on_live = observer.on_live
        self.on_stalled = observer.on_stalled

    def on_stream(self, info: StreamInfo) -> None:
        self._observer.on_stream(self._info)


class _Nobody:
    """Whose stream it is, is heard of by the other one's reader."""

    def on_stream(self, info: StreamInfo) -> None: ...

    def on_stalled(self, silent_s: float) -> None: ...

    def on_live(self) -> None: ...


def _is_wide(output: Output, seen: Sight) -> bool:
    """Whether the substream's picture is too small for it, and the main one larger."""
    return seen.substream_size[0] < min(output.width, seen.main_size[0])


def _in_substream(policy: GatePolicy | None, view: View) -> GatePolicy | None:
    """Its polygons are of the main picture."""
    if policy is None:
        return None
    return replace(policy, ignore=tuple(view.in_substream(polygon) for polygon in policy.ignore))
