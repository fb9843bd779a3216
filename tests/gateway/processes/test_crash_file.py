"""Whose thread a crash was in."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.processes.crash_file import CrashFile


@pytest.fixture
def crash_file() -> Iterator[CrashFile]:
    file = CrashFile.new("test")
    yield file
    file.close()


def crash_in(file: CrashFile, thread: int) -> None:
    """What faulthandler writes."""
    others = "Fatal Python error: Aborted\n\nThread 0x01 (most recent call first):\n  File …\n\n"
    os.write(file.descriptor, f"{others}Current thread 0x{thread:016x} (most recent call first):\n".encode())


def test_the_culprit_is_the_reader_that_the_thread_runs_now(crash_file: CrashFile) -> None:
    with crash_file.noted(0, 0x7F00):
        pass
    with crash_file.noted(5, 0x7F00), crash_file.noted(5000, 0x7FFF):
        assert crash_file.culprit() is None
        crash_in(crash_file, 0x7F00)
        assert crash_file.culprit() == 5


def test_a_reader_may_have_many_threads_and_one_that_ends_takes_no_other_out(crash_file: CrashFile) -> None:
    with crash_file.noted(3, 0x7F00), crash_file.noted(3, 0x7F01), crash_file.noted(4, 0x7F02):
        with crash_file.noted(3, 0x7F03):
            pass
        crash_in(crash_file, 0x7F01)
        assert crash_file.culprit() == 3


def test_threads_beyond_all_places_work_unnoted(crash_file: CrashFile) -> None:
    with ExitStack() as threads:
        for thread in range(3000):
            threads.enter_context(crash_file.noted(1, 0x7F00 + thread))
        crash_in(crash_file, 0x7F00 + 2999)
        assert crash_file.culprit() is None
    with crash_file.noted(2, 0x7F00 + 2999):
        assert crash_file.culprit() == 2


def test_a_crash_in_a_thread_of_no_reader_has_no_culprit(crash_file: CrashFile) -> None:
    with crash_file.noted(1, 0x7F00):
        crash_in(crash_file, 0x7F01)
        assert crash_file.culprit() is None
