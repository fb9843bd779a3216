"""What all tests of serving have in common."""

import asyncio
from collections.abc import Iterator

import grpc
import pytest


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.runtime.session_runner.MEASURE_S", 0.0)


@pytest.fixture(autouse=True, scope="session")
def grpc_stays() -> Iterator[None]:
    """The last gRPC object of all waits for a thread of the library when it is collected, wherever that happens to be:
    in the event loop blockbuster would find it. With one more user counted it is never the last."""

    async def counted() -> None:  # wants an event loop, which an earlier test may have taken from the thread
        grpc.aio.init_grpc_aio()

    asyncio.run(counted())
    yield
    grpc.aio.shutdown_grpc_aio()
