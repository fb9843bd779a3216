"""Pictures of requests: decoded apart from frames of cameras, and not at all where it is in vain."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from inference.guard.header import Header, examine
from inference.picture_model import REQUESTS_DECODED
from inference.runtime.batcher import REQUESTS_HELD
from inference.runtime.batching import BatcherFull, Item
from tests.inference.worker import encoded, jpegs, open_plane, pictures
from tests.waiting import until


class SlowDecoding:
    """Of one picture, until it is let go on; others are decoded at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slow = encoded(pictures()[1])
        self.go_on = threading.Event()
        self.begun = 0

        def examining(data: bytes) -> Header:
            if data == self.slow:
                self.begun += 1
                assert self.go_on.wait(60)
            return examine(data)

        monkeypatch.setattr("inference.picture_model.examine", examining)


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDecoding]:
    slow = SlowDecoding(monkeypatch)
    yield slow
    slow.go_on.set()


async def test_frames_do_not_wait_behind_large_pictures_of_requests(decoding: SlowDecoding) -> None:
    async with open_plane() as plane:
        asking = [asyncio.create_task(plane.infer(decoding.slow, lane="request")) for _ in range(REQUESTS_DECODED)]
        await until(lambda: decoding.begun == 2, "all threads that decode requests are busy")
        async with asyncio.timeout(60):
            assert (await plane.infer(jpegs()[0])).detections
        assert not any(task.done() for task in asking)
        decoding.go_on.set()
        await asyncio.gather(*asking)


async def test_a_request_that_would_be_late_is_refused_before_it_is_decoded(
    decoding: SlowDecoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_plane() as plane:
        batcher, asked = plane.stable.tensors.batcher, list[int]()
        foreseen = batcher.refuse_if_late

        def refuse(row: Item, coming: int = 0) -> None:
            asked.append(coming)
            foreseen(row, coming)

        monkeypatch.setattr(batcher, "refuse_if_late", refuse)
        first = [asyncio.create_task(plane.infer(decoding.slow, lane="request")) for _ in range(3)]
        await until(lambda: asked == [0, 1, 2], "each counts those that are decoded before it")
        monkeypatch.setattr("inference.runtime.batcher.REQUESTS_HELD", 3)
        begun = decoding.begun
        with pytest.raises(BatcherFull, match="holds 3 rows"):
            await plane.infer(decoding.slow, lane="request")
        assert decoding.begun <= max(begun, 2)
        first[0].cancel()
        await asyncio.gather(first[0], return_exceptions=True)
        monkeypatch.setattr("inference.runtime.batcher.REQUESTS_HELD", REQUESTS_HELD)
        decoding.go_on.set()
        await asyncio.gather(*first[1:])
        await plane.infer(jpegs()[0], lane="request")
        assert asked[-3:] == [0, 0, 0], "who has gone, and who was answered, is counted no more"
