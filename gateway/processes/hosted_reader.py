"""A reader in a decode process: in a thread of its own, whose CPU time is known."""

import logging
import threading
from functools import partial
from math import inf
from time import monotonic

from gateway.errors import SourceError
from gateway.processes.crash_file import CrashFile
from gateway.processes.messages import Adjust, Ended, Live, Opened, ReaderPlan, Stalled, Still, Usage
from gateway.processes.outbox import Outbox
from gateway.reading.interface import StreamInfo
from gateway.reading.reader import Reader
from gateway.reading.reader_threads import ReaderThreads
from gateway.substream.reader import SubstreamReader
from vedette.process.logs import current_camera

logger = logging.getLogger(__name__)


class HostedReader:
    """Says in the outbox all that its reader says."""

    def __init__(self, number: int, camera: str, plan: ReaderPlan, outbox: Outbox, crash_file: CrashFile) -> None:
        """Raises ValueError as `Reader` does."""
        self.number = number
        self.camera = camera
        self._outbox = outbox
        self._threads = ReaderThreads(number, crash_file)
        sink = partial(outbox.put_frame, number)
        self._reader: Reader | SubstreamReader
        if plan.substream is None:
            self._reader = Reader(plan.url, plan.outputs, sink, self, plan.options, plan.privacy, plan.matrix)
        else:
            self._reader = SubstreamReader(plan, plan.substream, sink, self, self._threads.working, self._on_still)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._moves_until_s = -inf

    def run(self) -> None:
        """Begin a run; there must be none under way."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=f"camera-{self.camera}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to end."""
        self._stop.set()

    def join(self, within_s: float) -> None:
        """Wait for the end of the run."""
        if self._thread is not None:
            self._thread.join(within_s)

    def adjust(self, command: Adjust) -> None:
        """Pass on what the gateway learned."""
        if command.method == "hint":
            (self._moves_until_s,) = command.arguments
        getattr(self._reader, command.method)(*command.arguments)

    def usage(self) -> Usage:
        """For a beat."""
        return Usage(self.number, self._threads.cpu_s(), self._reader.stats, self._threads.beat())

    def on_stream(self, info: StreamInfo) -> None:
        logger.info("%s %sx%s over %s", info.codec, info.width, info.height, info.transport)
        self._outbox.put(Opened(self.number, self._reader.stats, info))

    def on_stalled(self, silent_s: float) -> None:
        self._outbox.put(Stalled(self.number, self._reader.stats, silent_s))

    def on_live(self) -> None:
        if self._moves_until_s > monotonic():
            self._reader.hint(self._moves_until_s)  # a reader forgets what it heard before there were frames
        self._outbox.put(Live(self.number, self._reader.stats))

    def _on_still(self, number: int, jpeg: bytes) -> None:
        self._outbox.put_still(Still(self.number, number, jpeg))

    def _run(self, stop: threading.Event) -> None:
        current_camera.set(self.camera)
        with self._threads.working():
            report = self._outcome(stop)
        self._outbox.put(report)

    def _outcome(self, stop: threading.Event) -> Ended:
        ended = partial(Ended, self.number, self._reader.stats)
        try:
            self._reader.run(stop)
            return ended()
        except SourceError as error:
            return ended(reason=error.reason, text=str(error))
        except Exception as error:  # a defect that shows with one camera must not end the others
            logger.exception("the reader failed")
            return ended(defect=type(error).__name__)
