"""One camera's blocking read loop: from a URL or a file to sampled JPEG frames, in the thread that runs it."""

import threading
from collections.abc import Sequence
from time import monotonic

from gateway.errors import Reason, SourceError
from gateway.pictures.privacy import Polygon
from gateway.pictures.sampled_frame import Output
from gateway.reading.account import Account
from gateway.reading.decode_strategy import DecodeStrategy
from gateway.reading.emitter import Emitter
from gateway.reading.following import Lead
from gateway.reading.interface import ReaderObserver, ReaderStats, ReadOptions
from gateway.reading.playback import Playback
from gateway.reading.tap import Sink
from gateway.sources.opening import Source, open_source
from gateway.sources.timeline import Timeline


class Reader:
    """Reads a source until it fails, ends or is stopped. It never retries: its supervisor runs it again.

    A run after a failure keeps the counters, the sampling grids and the transport that worked.

    Raises:
        ValueError: an output, a polygon or the matrix is out of range.
    """

    def __init__(
        self,
        url: str,
        outputs: Sequence[Output],
        sink: Sink,
        observer: ReaderObserver,
        options: ReadOptions | None = None,
        privacy: Sequence[Polygon] = (),
        matrix: str | None = None,
        stats: ReaderStats | None = None,
        lead: Lead | None = None,
    ) -> None:
        """`stats`: counters to go on with; `lead`: the gate of another stream that this one follows."""
        self.stats = stats or ReaderStats()
        self._url = url.removeprefix("file://")
        self._observer = observer
        self._options = options or ReadOptions()
        self._lead = lead
        self._transport = self._options.transport
        self._account = Account(self.stats)
        self._emitter = Emitter(outputs, privacy, matrix, sink, self.stats, self._account)
        self._playback: Playback | None = None
        self.busy = False
        """A thread is in `run`. It may be stuck there after `stop`: nobody else may run this reader then."""

    def run(self, stop: threading.Event) -> None:
        """Block until the end of a file that isn't looped, or for at most a second after `stop` is set.

        What the sink takes to return comes on top.

        Raises:
            SourceError: the source can't be opened or read on; the end of a live source too.
        """
        self.busy = True
        try:
            self._run(stop)
        finally:
            self.busy = False

    def set_fps(self, pipeline: str, fps: float) -> None:
        """Take `fps` frames a second for this pipeline from now on. Any thread may call it."""
        self._emitter.set_fps(pipeline, fps)

    def hint(self, until_s: float) -> None:
        """Something moves before the camera until then (`time.monotonic`): an open gate stays open. Any thread may
        call it.
        """
        if (playback := self._playback) is not None:
            playback.hint(until_s - monotonic())

    def _run(self, stop: threading.Event) -> None:
        strategy, timeline = self._strategy(), Timeline()
        while (source := self._open(stop)) is not None:
            try:
                self._play(source, strategy, timeline, stop)
            finally:
                source.close()
            if stop.is_set() or not self._options.loop:
                return
            strategy.restart()

    def _strategy(self) -> DecodeStrategy:
        return DecodeStrategy(self._emitter.interval_s, self._options.decode.every_frame)

    def _open(self, stop: threading.Event) -> Source | None:
        options = self._options
        source = open_source(self._url, self._transport, options.open_timeout_s, stop, options.tls)
        if source is not None and source.transport == "udp":
            self._transport = "udp"  # TCP was refused, and would be each time
        return source

    def _play(self, source: Source, strategy: DecodeStrategy, timeline: Timeline, stop: threading.Event) -> None:
        try:
            self._playback = Playback(
                source,
                strategy,
                timeline,
                self._emitter,
                self._observer,
                self._options,
                self.stats,
                self._account,
                self._lead,
            )
            self._playback.run(stop)
        except SourceError as error:
            failure = SourceError(error.reason, f"{self._url}: {error}")
        else:
            if not source.live or stop.is_set():
                return
            failure = SourceError(Reason.ENDED, f"{self._url}: the camera ended the stream")
        finally:
            self._playback = None
        try:
            raise failure
        finally:
            del failure  # or it and this frame, with the source in it, hold one another until they are collected
