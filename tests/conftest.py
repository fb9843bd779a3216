"""Fixtures of all tests. Every test runs with a real server; a blocking call inside the event loop fails it."""

import asyncio
import logging
import os
from asyncio.base_events import BaseEventLoop
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

from tests.nats_server import NatsServer
from vedette.bus.address import STATE_VARIABLE
from vedette.bus.connection import Bus, connect

# Its handlers run in every fork of a process that holds gRPC threads; there they wait for threads that are not there.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# No example fails for being slow: the machine may be.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def grpc_stays() -> Iterator[None]:
    """The last gRPC object of all waits for a thread of the library when it is collected, wherever that happens to be:
    in the event loop blockbuster would find it. With one more user counted it is never the last."""
    import grpc  # it reads the variable above

    async def counted() -> None:  # wants an event loop, which an earlier test may have taken from the thread
        grpc.aio.init_grpc_aio()

    asyncio.run(counted())
    yield
    grpc.aio.shutdown_grpc_aio()


MEDIA = Path(__file__).parent.parent / "media"


@pytest.fixture(autouse=True)
def no_blocking_calls_in_the_loop() -> Iterator[BlockBuster]:
    with blockbuster_ctx(["vedette", "gateway", "inference", "events"]) as blockbuster:
        yield blockbuster


@pytest.fixture(autouse=True, scope="session")
def loops_are_used_by_their_own_threads() -> Iterator[None]:
    """The check that the debug mode of event loops makes, without the stacks that it notes: they doubled the tests' CPU
    time."""

    def checked(method: Any) -> Any:
        def call(loop: Any, *arguments: Any, **keywords: Any) -> Any:
            loop._check_thread()
            return method(loop, *arguments, **keywords)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseEventLoop, "call_soon", checked(BaseEventLoop.call_soon))
        patch.setattr(BaseEventLoop, "call_at", checked(BaseEventLoop.call_at))
        yield


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and credentials of a test's sites lie in its own folder."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """A test that leaves its process a real-time one (an encoder does, run by root) starves all others."""
    yield
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets logging up, for a stderr that is closed when the test ends."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder)
    server.start()
    yield server
    server.close()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await connect(nats_server.address, "test") as bus:
        yield bus


@pytest.fixture
def pedestrians() -> Path:
    return MEDIA / "pedestrians.mp4"
