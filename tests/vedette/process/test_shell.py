"""The shell of a process: exit statuses, one line for what a user can mend, and signals that end it in order."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from vedette.errors import BusMisfit, BusUnavailable, ConfigError, StartFailed
from vedette.process.shell import DONE, FAILED, MISUSED, Body, Stop, Stopped, run

GRACEFUL = """
import asyncio, sys
from vedette.process.shell import run
async def body(stop):
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    return 0
sys.exit(run(body))
"""
STUBBORN = """
import asyncio, sys
from vedette.process.shell import run
async def body(stop):
    stop.on_force = lambda: print("forced", flush=True)
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    await asyncio.Event().wait()
sys.exit(run(body))
"""
BLOCKED = STUBBORN.replace("await asyncio.Event().wait()", "import time; time.sleep(60)")


@pytest.fixture(autouse=True)
def signal_handlers_are_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def raising(error: BaseException) -> Body:
    async def body(stop: Stop) -> int:
        raise error

    return body


def test_the_status_of_the_body_is_the_status_of_the_process() -> None:
    async def body(stop: Stop) -> int:
        return 7

    assert run(body) == 7


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("site.yaml:1: wrong"), MISUSED),
        (BusMisfit("too old"), MISUSED),
        (BusUnavailable("not now"), FAILED),
        (StartFailed("no port"), FAILED),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [ConfigError("deep down")])]), MISUSED),
        (ExceptionGroup("tasks", [StartFailed("first"), ConfigError("second")]), FAILED),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_a_status(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("vedette: ")


@pytest.mark.parametrize(
    "error", [KeyError("bug"), ExceptionGroup("tasks", [ConfigError("known"), ZeroDivisionError("bug")])]
)
def test_a_bug_is_raised_and_not_dressed_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        run(raising(error))


def test_an_end_before_the_work_began_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(Stopped())) == DONE
    assert capsys.readouterr().err == ""


def test_what_was_interrupted_was_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(Stopped()), stopped=FAILED) == FAILED
    assert capsys.readouterr().err == "vedette: interrupted\n"


async def test_a_body_that_ends_first_gives_its_value() -> None:
    async def body() -> int:
        return 5

    assert await Stop().unless_requested(body()) == 5


async def test_a_requested_end_cancels_the_body_and_waits_for_its_clean_up() -> None:
    stop, cleaned = Stop(), []

    async def body() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    waiting = asyncio.create_task(stop.unless_requested(body()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stop.request()
    with pytest.raises(Stopped):
        await waiting
    assert cleaned
    assert stop.requested


async def test_the_error_of_a_body_is_raised() -> None:
    async def body() -> None:
        raise BusUnavailable("not now")

    with pytest.raises(BusUnavailable):
        await Stop().unless_requested(body())


def started(program: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(number: signal.Signals) -> None:
    process = started(GRACEFUL)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out, err) == (DONE, "stopping\n", "")


@pytest.mark.parametrize("program", [STUBBORN, BLOCKED])
def test_a_second_signal_ends_it_at_once(program: str) -> None:
    process = started(program)
    assert process.stdout is not None
    os.kill(process.pid, signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out, err) == (FAILED, "forced\n", "")
