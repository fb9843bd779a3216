"""Children: ended in order within one deadline, whoever hangs; and what they said is known of the present run only."""

import asyncio
import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.waiting import until
from vedette.process.child import Child, end_all

ORDERLY = """
import signal, sys
def leave(*_):
    print("ended in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


async def running(folder: Path, name: str, program: str) -> Child:
    child = Child(name, [sys.executable, "-c", program], folder / f"{name}.log")
    await child.start()
    await until(lambda: "ready" in text_of(folder / f"{name}.log"), f"{name} is ready")
    return child


async def test_what_hangs_is_killed_after_its_share_and_all_others_still_end_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deaf = await running(tmp_path, "deaf", DEAF)
    beside = await running(tmp_path, "beside", ORDERLY)
    worker = await running(tmp_path, "worker", ORDERLY)
    broker = await running(tmp_path, "broker", ORDERLY)
    began_s = monotonic()
    await end_all([([deaf, beside], 0.3), ([worker], 20.0), ([broker], 20.0)])
    assert monotonic() - began_s < 15.0
    assert [await child.wait() for child in (deaf, beside, worker, broker)] == [-9, 0, 0, 0]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("vedette: deaf did not end")


async def test_time_that_a_group_leaves_goes_to_the_next(tmp_path: Path) -> None:
    quick = await running(tmp_path, "quick", ORDERLY)
    slow = await running(tmp_path, "slow", ORDERLY)
    await end_all([([quick], 10.0), ([slow], 0.0)])
    assert await slow.wait() == 0


async def test_a_log_begins_with_the_first_start_and_the_one_of_before_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log" / "child.log"
    for words in ("first run", "second run"):
        child = Child("child", [sys.executable, "-c", f"print({words!r})"], log)
        await child.start()
        await child.wait()
    texts = await asyncio.to_thread(lambda: (log.read_text(), Path(f"{log}.1").read_text()))
    assert texts == ("second run\n", "first run\n")
    await child.start()  # again, as when it had died
    await child.wait()
    assert await asyncio.to_thread(log.read_text) == "second run\nsecond run\n"


async def test_last_words_are_of_the_latest_start(tmp_path: Path) -> None:
    first_only = f"import os; print('words') if not os.path.exists({str(tmp_path / 'there')!r}) else None"
    child = Child("child", [sys.executable, "-c", first_only], tmp_path / "child.log")
    await child.start()
    await child.wait()
    assert await asyncio.to_thread(child.last_words) == "words"
    (tmp_path / "there").touch()
    await child.start()
    await child.wait()
    assert await asyncio.to_thread(child.last_words) == ""


async def test_no_library_is_looked_for_after_the_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str | None) -> None:
        raise OSError("a lock of the loader is held by a thread that was not forked")

    monkeypatch.setattr("ctypes.CDLL", fail)
    child = await running(tmp_path, "child", ORDERLY)
    child.terminate()
    assert await child.wait() == 0
