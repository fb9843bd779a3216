"""What a reader's threads cost is counted together, and a crash in any of them is that reader's."""

import os
import threading
from collections.abc import Iterator

import pytest

from gateway.crash_file import CrashFile
from gateway.reader_threads import ReaderThreads


@pytest.fixture
def crash_file() -> Iterator[CrashFile]:
    file = CrashFile.new("test")
    yield file
    file.close()


def in_a_thread(threads: ReaderThreads, crash_file: CrashFile, seen: list[object]) -> None:
    """Work beside a reader's first thread, and crash."""

    def work() -> None:
        with threads.working(beside=True):
            while threads.cpu_s() < 0.01:
                pass
            os.write(crash_file.descriptor, b"Current thread 0x%x (most recent call first):\n" % threading.get_ident())
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
