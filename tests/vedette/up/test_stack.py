"""What becomes of a child that ends."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.waiting import until
from vedette.errors import StartFailed
from vedette.process.child import Child
from vedette.process.shell import FAILED
from vedette.up.stack import _AT_ITS_START_S, ChildMisused, keep_running


def child(program: str, log: Path) -> Child:
    return Child("gateway", [sys.executable, "-c", program], log)


async def test_a_child_that_ends_at_its_start_with_status_2_is_a_wrong_configuration(tmp_path: Path) -> None:
    misused = child("import sys; print('vedette: no such device'); sys.exit(2)", tmp_path / "log")
    await misused.start()
    with pytest.raises(ChildMisused, match="gateway ended at its start with status 2: no such device") as caught:
        await keep_running(misused)
    assert caught.value.exit_status == 2


async def test_a_child_that_ends_at_its_start_with_status_1_is_a_failure(tmp_path: Path) -> None:
    failing = child("import sys; sys.exit(1)", tmp_path / "log")
    await failing.start()
    with pytest.raises(StartFailed, match="status 1: it said why above") as caught:
        await keep_running(failing)
    assert caught.value.exit_status == 1


async def test_a_slow_machine_finds_a_wrong_configuration_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_AT_ITS_START_S, FAILED, 0.0)
    misused, failing = (child(f"import sys; sys.exit({status})", tmp_path / str(status)) for status in (2, 1))
    await misused.start()
    with pytest.raises(ChildMisused, match="status 2"):
        await keep_running(misused)
    await failing.start()
    first = failing.pid
    keeping = asyncio.create_task(keep_running(failing))
    await until(lambda: failing.pid not in (None, first), "it runs again")
    keeping.cancel()
    await failing.wait()


async def test_a_child_that_is_killed_at_its_start_starts_again(tmp_path: Path) -> None:
    killed = child("import signal; signal.pause()", tmp_path / "log")
    await killed.start()
    first = killed.pid
    keeping = asyncio.create_task(keep_running(killed))
    killed.kill()
    await until(lambda: killed.pid not in (None, first), "it runs again")
    keeping.cancel()
    killed.kill()
    await killed.wait()
