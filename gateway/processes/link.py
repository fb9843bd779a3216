"""One decode process, as the gateway sees it: started, told, heard, and ended."""

import asyncio
import itertools
import logging
import socket
import sys
from time import monotonic
from typing import Protocol, cast

from gateway.processes.crash_file import CrashFile
from gateway.processes.messages import (
    Beat,
    Close,
    Command,
    Ended,
    Live,
    Opened,
    Report,
    Said,
    Sampled,
    Stalled,
    Still,
    Usage,
)
from gateway.processes.placement import Meter
from gateway.processes.wire import BrokenWire, Decoder, encode
from vedette.process.child import Child
from vedette.process.logs import about_camera

logger = logging.getLogger(__name__)

_PROGRAM = ("-m", "gateway.processes.decode_process")
_EXIT_S = 0.3
_MOST_STUCK = 16
"""Each holds a thread, a connection and its pictures for ever."""
_ENVIRON = {"MALLOC_ARENA_MAX": "1"}
"""With an arena a thread, glibc's malloc keeps what tens of threads once needed at the same time, and grows by several
MiB a minute for long; with one it is smaller and flat, and costs no more CPU."""

ReaderReport = Sampled | Still | Opened | Live | Stalled | Ended | Usage


class Tenant(Protocol):
    """A reader that is in this process."""

    def heard(self, report: ReaderReport, at_s: float) -> None:
        """It says something; `at_s` is the time of the latest beat."""

    def lost(self, why: str, at_fault: bool) -> None:
        """The process is gone, perhaps by a crash in this reader's thread."""


class DecodeLink(asyncio.BufferedProtocol):
    """A process that runs, from `start` to `ended`.

    What it sends is taken in the event loop and queued nowhere: while the loop has no time for it, the process keeps
    the latest frames and counts the others.
    """

    def __init__(self, name: str) -> None:
        """Raises OSError: there are no descriptors left."""
        self.name = name
        self.load = Meter()
        """CPU seconds a second of the whole process."""
        self.heard_s = monotonic()
        """When it last gave a sign of life."""
        self.speaks = False
        """Whether it has given one."""
        self._tenants: dict[int, Tenant] = {}
        self._numbers = itertools.count()
        self._decoder = Decoder[Report](Report)
        self._transport: asyncio.WriteTransport | None = None
        self._child = Child(name, (), None)
        self._at_s = 0.0
        self._why: str | None = None
        self._ending = False
        self._stuck = 0
        self._crash_file = CrashFile.new(name)

    async def start(self) -> None:
        """Raises StartFailed, OSError: there are no processes or descriptors left."""
        ours, its = socket.socketpair()
        crash = self._crash_file.descriptor
        with its:
            level = logging.getLogger().getEffectiveLevel()
            command = [sys.executable, *_PROGRAM, str(its.fileno()), str(crash), str(level)]
            self._child = Child(self.name, command, None, _ENVIRON)
            try:
                await self._child.start(pass_fds=(its.fileno(), crash))
                await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            except BaseException:
                ours.close()
                raise

    async def ended(self) -> str:
        """Wait for its end, tell its tenants, and say why."""
        status = await self._child.wait()
        why = self._why or f"died ({f'signal {-status}' if status < 0 else f'exit status {status}'})"
        if self._transport is not None:
            self._transport.abort()
        culprit = self._crash_file.culprit()
        tenants, self._tenants = self._tenants, {}
        for number, tenant in tenants.items():
            tenant.lost(why, at_fault=number == culprit)
        return why

    async def end(self) -> None:
        """End it, in order if it does so at once; and let go of all."""
        self._ending = True
        self._crash_file.close()
        if self._transport is not None:
            self._transport.abort()
        if self._child.pid is None:
            return
        try:
            async with asyncio.timeout(_EXIT_S):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def kill(self, why: str) -> None:
        """End it at once; `why` is what `ended` will say."""
        self._why = self._why or why
        self._child.kill()

    def add(self, tenant: Tenant) -> int:
        """The number under which the process will speak of this reader."""
        number = next(self._numbers)
        self._tenants[number] = tenant
        return number

    def remove(self, number: int) -> None:
        """Close a reader; nothing more is heard of it."""
        if self._tenants.pop(number, None) is not None:
            self.send(Close(number))

    def abandon(self, number: int) -> None:
        """Leave a reader behind that is stuck; a process with too many of them is replaced."""
        self.remove(number)
        self._stuck += 1
        if self._stuck == _MOST_STUCK:
            self.kill(f"had {_MOST_STUCK} readers that were stuck, and was killed")

    def send(self, command: Command) -> None:
        """Tell the process something; in vain if it has just ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(command))

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._decoder.room()

    def buffer_updated(self, nbytes: int) -> None:
        self.heard_s, self.speaks = monotonic(), True
        try:
            for report in self._decoder.received(nbytes):
                self._take(report)
        except BrokenWire as error:
            self.kill(f"sent what makes no sense: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ending:
            self._child.kill()  # as a rule it has ended already

    def _take(self, report: Report) -> None:
        match report:
            case Beat():
                self._at_s = report.at_s
                self.load.feed(report.at_s, report.cpu_s)
                for usage in report.readers:
                    self._pass_on(usage)
            case Said():
                _log(report)
            case _:
                self._pass_on(report)

    def _pass_on(self, report: ReaderReport) -> None:
        tenant = self._tenants.get(report.reader)
        if tenant is None:
            return
        try:
            tenant.heard(report, self._at_s)
        except Exception:  # a defect that shows with one camera must not end the others
            logger.exception("internal error; a report was lost")


def _log(said: Said) -> None:
    """A line of the process's log becomes one of ours."""
    log = logging.getLogger(said.logger)
    if log.isEnabledFor(said.level):
        with about_camera(said.camera):
            log.handle(log.makeRecord(said.logger, said.level, "", 0, said.text, (), None))
