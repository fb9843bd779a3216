"""What hangs while it is opened."""

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.errors import Reason, SourceError
from gateway.sources.opening import open_source
from tests.waiting import until


def openings() -> int:
    return sum(thread.name == "open-source" for thread in threading.enumerate())


async def test_what_hangs_is_given_up_and_not_opened_again_before_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sources.opening._HUNG_S", 0.2)
    fifo = tmp_path / "camera.ts"
    os.mkfifo(fifo)
    before = openings()
    for _ in range(3):
        with pytest.raises(SourceError, match="opening it hangs") as failure:
            await asyncio.to_thread(open_source, str(fifo), "auto", 1.0, threading.Event())
        assert failure.value.reason is Reason.TIMEOUT
        assert openings() == before + 1

    def ended() -> bool:
        with suppress(OSError):  # nobody waits for a writer
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return openings() == before

    await until(ended, "the thread has ended")
    monkeypatch.undo()
    fifo.unlink()
    with pytest.raises(SourceError) as failure:
        await asyncio.to_thread(open_source, str(fifo), "auto", 1.0, threading.Event())
    assert failure.value.reason is Reason.NOT_FOUND, "it is tried anew"
