"""What serves in a decode process, in a thread of the test."""

import fcntl
import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.processes.crash_file import CrashFile
from gateway.processes.decode_process import Readers
from gateway.processes.hosted_reader import HostedReader
from gateway.processes.messages import Ended, Open, ReaderPlan, Run
from gateway.processes.outbox import Outbox
from gateway.processes.wire import encode
from gateway.reading.interface import ReadOptions
from gateway.reading.sampler import Sampling
from tests.gateway.run_reader import WALK, output

FDS = 1100
"""More than `select` can watch."""


class Process:
    """The gateway's end, of a process whose end of the socket has a high number."""

    def __init__(self, commands: socket.socket, outbox: Outbox) -> None:
        self.commands = commands
        self.outbox = outbox

    def end_of_run(self) -> Ended:
        while True:
            for report in self.outbox.take():
                if isinstance(report, Ended):
                    return report


@pytest.fixture
def process() -> Iterator[Process]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], FDS + 1), limits[1]))
    crash_file, outbox = CrashFile.new("test"), Outbox()
    ours, its = socket.socketpair()
    with its:
        connection = socket.socket(fileno=fcntl.fcntl(its, fcntl.F_DUPFD_CLOEXEC, FDS))
    thread = threading.Thread(target=Readers(outbox, crash_file).serve, args=(connection,), daemon=True)
    thread.start()
    with ours:
        yield Process(ours, outbox)
    thread.join(timeout=5)
    assert not thread.is_alive()
    connection.close()
    crash_file.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_reader_for_which_there_is_no_thread_keeps_its_counters(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ReaderPlan(str(WALK), [output(Sampling(5))], ReadOptions())
    process.commands.sendall(encode(Open(0, "gate", plan)) + encode(Run(0)))
    assert process.end_of_run().stats.packets == 30

    def fail(reader: HostedReader) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(HostedReader, "run", fail)
    process.commands.sendall(encode(Run(0)))
    ended = process.end_of_run()
    assert (ended.defect, ended.stats.packets) == ("RuntimeError", 30)
