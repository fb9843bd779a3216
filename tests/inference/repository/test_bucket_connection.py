"""The connection that a bucket of models makes for itself."""

import asyncio
from typing import Any

import pytest

from inference.repository import bucket_store
from tests.inference.repository.places import bucket
from tests.nats_server import NatsServer
from vedette.bus.connection import connect


async def test_requests_that_come_together_share_one_connection(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    async def connecting(*arguments: Any, **options: Any) -> object:
        made.append(await connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(bucket_store, "connect", connecting)
    store = bucket(nats_server)
    try:
        await asyncio.gather(*(store.objects() for _ in range(5)))
        assert len(made) == 1
    finally:
        await store.close()
