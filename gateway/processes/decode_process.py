"""A decode process: `python -m gateway.processes.decode_process SOCKET CRASH LEVEL`, started by a gateway alone.

It runs readers, as it is told through a socket that it was born with, and sends what they make through the same one.
It decides nothing and knows neither bus nor configuration. It ends when the socket does.
"""

import faulthandler
import logging
import os
import select
import socket
import sys
import threading
import time
from time import monotonic

from gateway.processes.crash_file import CrashFile
from gateway.processes.hosted_reader import HostedReader
from gateway.processes.messages import Adjust, Beat, Close, Command, Ended, Open, Run, Said, Stop
from gateway.processes.outbox import Outbox
from gateway.processes.wire import Decoder, encode
from gateway.reading.interface import ReaderStats
from vedette.debug import ptrace
from vedette.process.logs import current_camera
from vedette.secrets.redaction import redact

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S, _MOST_SWITCH_INTERVAL_S = 0.0005, 0.05
"""Decoding threads get the interpreter back quickly: with the default 5 ms busy Python slows them 4 to 7 times. So much
for each reader: every thread that waits wakes up so often, and a hundred of them would do little else."""
_BEAT_S = 0.5
_STOP_S = 1.0


def main() -> None:
    """Serve until the gateway closes the socket."""
    crash = int(sys.argv[2])
    faulthandler.enable(crash)  # a crash in a library leaves there in which thread it was
    ptrace.allow(os.getppid())  # a profile of the gateway has this process in it
    outbox = Outbox()
    logging.basicConfig(level=int(sys.argv[3]), handlers=[_ToGateway(outbox)])
    logging.captureWarnings(True)
    connection = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_send, args=(connection, outbox), name="send", daemon=True).start()
    Readers(outbox, CrashFile(crash)).serve(connection)
    os._exit(0)  # threads that are stuck in a library are not waited for


class Readers:
    """The readers of this process, and what they are told."""

    def __init__(self, outbox: Outbox, crash_file: CrashFile) -> None:
        self._outbox = outbox
        self._crash_file = crash_file
        self._readers: dict[int, HostedReader] = {}
        self._share_interpreter()

    def serve(self, connection: socket.socket) -> None:
        """Do as told until the socket is closed; then end all readers."""
        decoder, beat_s = Decoder[Command](Command), monotonic()
        poll = select.poll()  # select.select fails with the descriptors beyond 1023 that a large gateway hands down
        poll.register(connection, select.POLLIN)
        while True:
            if poll.poll(max(0.0, beat_s - monotonic()) * 1000):
                try:
                    count = connection.recv_into(decoder.room())
                except ConnectionError:
                    count = 0
                if not count:
                    return self._end()
                for command in decoder.received(count):
                    self._do(command)
            if monotonic() >= beat_s:
                beat_s = monotonic() + _BEAT_S
                usages = [reader.usage() for reader in self._readers.values()]
                self._outbox.put(Beat(monotonic(), time.process_time(), usages))

    def _do(self, command: Command) -> None:
        try:
            match command:
                case Open(number, camera, plan):
                    self._readers[number] = HostedReader(number, camera, plan, self._outbox, self._crash_file)
                    self._share_interpreter()
                case Run(number) if number in self._readers:
                    self._readers[number].run()
                case Stop(number) if number in self._readers:
                    self._readers[number].stop()
                case Adjust(number) if number in self._readers:
                    self._readers[number].adjust(command)
                case Close(number) if number in self._readers:
                    self._readers.pop(number).stop()
                    self._outbox.forget(number)
                    self._share_interpreter()
        except Exception as error:  # what one camera needs and can't have is no reason to end the others
            logger.exception("%s failed", type(command).__name__)
            if isinstance(command, Open | Run):
                self._outbox.put(Ended(command.reader, self._stats(command.reader), defect=type(error).__name__))

    def _share_interpreter(self) -> None:
        sys.setswitchinterval(min(_MOST_SWITCH_INTERVAL_S, _SWITCH_INTERVAL_S * max(1, len(self._readers))))

    def _stats(self, number: int) -> ReaderStats:
        """What a reader has counted; nothing where it could not be made."""
        reader = self._readers.get(number)
        return reader.usage().stats if reader else ReaderStats()

    def _end(self) -> None:
        """Let go of the cameras: they should see a connection that was closed in order."""
        until_s = monotonic() + _STOP_S
        for reader in self._readers.values():
            reader.stop()
        for reader in self._readers.values():
            reader.join(max(0.0, until_s - monotonic()))


class _ToGateway(logging.Handler):
    """The log of this process is the gateway's, which knows how lines are written."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        text = redact(self.format(record))
        self._outbox.put(Said(record.name, record.levelno, text, current_camera.get()))


def _send(connection: socket.socket, outbox: Outbox) -> None:
    """While the gateway doesn't read, this waits, and the outbox keeps what is latest."""
    try:
        while True:
            connection.sendall(b"".join(map(encode, outbox.take())))
    except OSError:
        pass  # the gateway is gone; who receives sees that too


if __name__ == "__main__":
    main()
