"""What a decode process has to say and the gateway has not taken yet: of each thing only the latest."""

import itertools
import threading
from collections.abc import Hashable

from gateway.pictures.sampled_frame import SampledFrame
from gateway.processes.messages import Beat, Ended, Live, Opened, Report, Said, Sampled, Stalled, Still

_LINES = 100


class Outbox:
    """Bounded by what there is: a frame a camera and pipeline, a few pictures that were asked for, a state a camera, a
    beat, and a hundred lines of log.

    Whoever puts something in never waits. What is replaced keeps its place, so no camera is passed over for another.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Report] = {}
        self._changed = threading.Condition()
        self._lines = itertools.cycle(range(_LINES))

    def put_frame(self, reader: int, frame: SampledFrame) -> None:
        """A frame, in place of the one of its pipeline that still waits."""
        key = (reader, frame.pipeline)
        with self._changed:
            waiting = self._waiting.get(key)
            superseded = waiting.superseded + 1 if isinstance(waiting, Sampled) else 0
            self._waiting[key] = Sampled(reader, frame, superseded)
            self._changed.notify()

    def put_still(self, still: Still) -> None:
        """A picture that was asked for; no more are asked for at a time than a reader takes."""
        with self._changed:
            self._waiting[still.reader, Still, still.number] = still
            self._changed.notify()

    def put(self, report: Opened | Live | Stalled | Ended | Beat | Said) -> None:
        """Anything else, in place of the same that still waits."""
        with self._changed:
            self._waiting[self._key(report)] = report
            self._changed.notify()

    def forget(self, reader: int) -> None:
        """Nobody wants to hear of this reader any more."""
        with self._changed:
            for key in [key for key, report in self._waiting.items() if getattr(report, "reader", None) == reader]:
                del self._waiting[key]

    def take(self) -> list[Report]:
        """All that waits, what waits longest first; blocks until there is something.

        One at a time would be too slow where the cores are overloaded: each turn of a thread then takes 10 ms and more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            reports = list(self._waiting.values())
            self._waiting.clear()
            return reports

    def _key(self, report: Opened | Live | Stalled | Ended | Beat | Said) -> Hashable:
        match report:
            case Live() | Stalled():
                return report.reader, Live
            case Opened() | Ended():
                return report.reader, type(report)
            case Said():
                return Said, next(self._lines)
            case Beat():
                return Beat
