"""What a reader's threads cost is counted together, and a crash in any of them is that reader's."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.errors import Reason, SourceError
from gateway.processes.crash_file import CrashFile
from gateway.reading.reader_threads import ReaderThreads, beside, reading
from gateway.sources.opening import open_source
from gateway.sources.pump import Pump


@pytest.fixture
def crash_file() -> Iterator[CrashFile]:
    file = CrashFile.new("test")
    before = set(threading.enumerate())
    yield file
    for thread in set(threading.enumerate()) - before:
        thread.join(30)  # its last note is that it has ended
    file.close()


def crash_in(crash_file: CrashFile) -> None:
    """What faulthandler writes of the thread that calls this."""
    os.write(crash_file.descriptor, b"Current thread 0x%x (most recent call first):\n" % threading.get_ident())


def in_a_thread(threads: ReaderThreads, crash_file: CrashFile, seen: list[object]) -> None:
    """Work beside a reader's first thread, and crash."""

    def work() -> None:
        with threads.working():
            while threads.cpu_s() < 0.01:
                pass
            crash_in(crash_file)
            seen.append(crash_file.culprit())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_thread_beside_the_first_counts_and_its_crash_is_its_readers(crash_file: CrashFile) -> None:
    threads, seen = ReaderThreads(7, crash_file), list[object]()
    with threads.working():
        in_a_thread(threads, crash_file, seen)
        assert threads.cpu_s() >= 0.01, "it has ended and still counts"
    assert seen == [7]
    assert crash_file.culprit() is None, "it crashed before"


def test_a_crash_while_a_source_is_opened_is_its_readers(
    crash_file: CrashFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def open_in_vain(*about: object) -> None:
        crash_in(crash_file)
        seen.append(crash_file.culprit())
        raise SourceError(Reason.REFUSED, "nobody is there")

    monkeypatch.setattr("gateway.sources.opening._open", open_in_vain)
    with ReaderThreads(7, crash_file).working(), pytest.raises(SourceError):
        open_source("rtsp://camera/1", "auto", 5.0, threading.Event())
    assert seen == [7]


def test_a_crash_in_a_pump_is_its_readers(crash_file: CrashFile) -> None:
    def read() -> Iterator[Any]:
        crash_in(crash_file)
        yield crash_file.culprit()

    with ReaderThreads(7, crash_file).working():
        pump = Pump(read, lambda: None)
        assert pump.take(within_s=5) == 7
    assert pump._thread is not None
    pump._thread.join()


def test_one_thread_that_works_twice_counts_its_time_once(crash_file: CrashFile) -> None:
    threads = ReaderThreads(7, crash_file)

    def work() -> None:
        until_s = threads.cpu_s() + 0.05
        while threads.cpu_s() < until_s:
            pass

    def twice() -> None:
        for _ in range(2):
            working()

    with threads.working():
        working = beside(work)
    thread = threading.Thread(target=twice)
    thread.start()
    thread.join()
    assert 0.1 <= threads.cpu_s() < 0.14


def test_a_thread_that_reads_and_does_not_look_around_is_noticed_beside_one_that_does(crash_file: CrashFile) -> None:
    threads, begun, release = ReaderThreads(7, crash_file), threading.Event(), threading.Event()

    def hang() -> None:
        with reading():
            begun.set()
            release.wait()

    with threads.working():
        assert (threads.beat(), threads.beat()) == (0, 0), "nobody reads yet"
        with reading() as look:
            thread = threading.Thread(target=beside(hang))
            thread.start()
            begun.wait()
            for beats in (1, 2, 3):
                assert threads.beat() == beats
                look()
            release.set()
            thread.join()
            assert threads.beat() == 1
        assert threads.beat() == 0
