"""The client against real servers on loopback that answer as the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.serving import faults
from benchmarks.serving.client import Job, Outcome, call, parse
from benchmarks.serving.measurement import percentile
from benchmarks.serving.wire import octets
from tests.waiting import DEADLINE_S

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nfull"
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(handle: Handler) -> AsyncIterator[int]:
    """A server whose `handle` gets the body of each request; yields its port."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                await handle(await reader.readexactly(size), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.wait(serving)


async def outcome_of(handle: Handler, folder: Path, *bodies: bytes) -> Outcome:
    """What a short job with a caller for each body comes to."""
    files = []
    for index, body in enumerate(bodies):
        (folder / str(index)).write_bytes(octets("/", body))
        files.append(str(folder / str(index)))
    async with server(handle) as port:
        return await call(Job(port, files, len(bodies), 0.1, 0.5))


async def test_every_caller_sends_its_own_request_again_and_again(tmp_path: Path) -> None:
    got: list[bytes] = []

    async def handle(body: bytes, writer: asyncio.StreamWriter) -> None:
        got.append(body)
        writer.write(OK if body == b"good" else FULL)

    outcome = await outcome_of(handle, tmp_path, b"good", b"bad")
    assert set(outcome.statuses) == {200, 503}
    assert len(outcome.latencies_ms) == outcome.statuses[200], "only what was served has a latency"
    assert outcome.example == "full"
    assert outcome.failures == 0
    assert sum(outcome.statuses.values()) < len(got), "the warm-up is not counted"


async def test_a_server_that_hangs_up_is_counted_and_called_again(tmp_path: Path) -> None:
    async def handle(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    outcome = await outcome_of(handle, tmp_path, b"good")
    assert outcome.failures > 1
    assert outcome.statuses == {}


def test_an_answer_is_whole_with_its_last_byte() -> None:
    for end in range(len(FULL)):
        assert parse(bytearray(FULL[:end])) is None
    answer = parse(bytearray(FULL))
    assert answer is not None
    assert answer[:2] == (503, b"full")
    assert answer[2]["retry-after"] == "1"


async def test_faults_tell_served_refused_and_unanswered_apart() -> None:
    count = 0

    async def handle(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count % 4 == 0:
            writer.close()
        else:
            writer.write(OK if count % 4 == 1 else FULL)

    async with server(handle) as port:
        replies = await faults.at_once(port, [octets("/", b"x")] * 8, timeout_s=DEADLINE_S)
        assert faults.statuses(replies) == {"200": 2, "503": 4, "nothing": 2}


async def test_callers_that_drop_are_not_waited_for() -> None:
    async def handle(body: bytes, writer: asyncio.StreamWriter) -> None:
        if body == b"stays":
            writer.write(OK)

    async with server(handle) as port, asyncio.timeout(DEADLINE_S):
        requests = [octets("/", b"drops")] * 4 + [octets("/", b"stays")] * 4
        replies = await faults.at_once(port, requests, timeout_s=2 * DEADLINE_S, dropping=4)
        assert faults.statuses(replies) == {"200": 4}


@pytest.mark.parametrize(("count", "percent", "expected"), [(100, 99, 99), (100, 50, 50), (1, 99, 1), (10, 99, 10)])
def test_a_percentile_is_one_of_the_values(count: int, percent: float, expected: int) -> None:
    assert percentile(list(range(count, 0, -1)), percent) == expected
