"""A reader in a decode process: in a thread of its own, whose CPU time is known."""

import logging
import threading
import time
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic

from gateway.crash_file import CrashFile
from gateway.decode_messages import Adjust, Ended, Live, Opened, ReaderPlan, Stalled, Usage
from gateway.decode_outbox import Outbox
from gateway.errors import SourceError
from gateway.reader import Reader
from gateway.reading import StreamInfo
from gateway.substream_reader import SubstreamReader
from vedette.logs import current_camera

logger = logging.getLogger(__name__)


class HostedReader:
    """Says in the outbox all that its reader says."""

    def __init__(self, number: int, camera: str, plan: ReaderPlan, outbox: Outbox, crash_file: CrashFile) -> None:
        """Raises ValueError as `Reader` does."""
        self.number = number
        self.camera = camera
        self._outbox = outbox
        self._crash_file = crash_file
        sink = partial(outbox.put_frame, number)
        self._reader: Reader | SubstreamReader
        if plan.substream is None:
            self._reader = Reader(plan.url, plan.outputs, sink, self, plan.options, plan.privacy, plan.matrix)
        else:
            self._reader = SubstreamReader(plan, plan.substream, sink, self)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clock: int | None = None
        self._spent_s = 0.0
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
        return Usage(self.number, self._spent_s + self._running_s(), self._reader.stats)

    def on_stream(self, info: StreamInfo) -> None:
        logger.info("%s %sx%s over %s", info.codec, info.width, info.height, info.transport)
        self._outbox.put(Opened(self.number, self._reader.stats, info))

    def on_stalled(self, silent_s: float) -> None:
        self._outbox.put(Stalled(self.number, self._reader.stats, silent_s))

    def on_live(self) -> None:
        if self._moves_until_s > monotonic():
            self._reader.hint(self._moves_until_s)  # a reader forgets what it heard before there were frames
        self._outbox.put(Live(self.number, self._reader.stats))

    def _run(self, stop: threading.Event) -> None:
        current_camera.set(self.camera)
        self._crash_file.note(self.number, threading.get_ident())
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        ended = partial(Ended, self.number, self._reader.stats)
        try:
            self._reader.run(stop)
            report = ended()
        except SourceError as error:
            report = ended(reason=error.reason, text=str(error))
        except Exception as error:  # a defect that shows with one camera must not end the others
            logger.exception("the reader failed")
            report = ended(defect=type(error).__name__)
        self._crash_file.note(self.number, 0)
        self._clock, spent_s = None, time.thread_time()
        self._spent_s += spent_s
        self._outbox.put(report)

    def _running_s(self) -> float:
        """CPU time of the run that is under way."""
        clock = self._clock
        if clock is not None:
            with suppress(OSError):  # its thread has ended meanwhile
                return time.clock_gettime(clock)
        return 0.0
