"""What goes wrong in service, on purpose, and whom it hurts. Each caller has a connection of its own."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.client import parse
from benchmarks.serving.measurement import percentile
from benchmarks.serving.servers import Answer

DROP_AFTER_S = 0.03
UNANSWERED_S = 5.0
"""Eight NanoDet pictures take a quarter of a second: who has no answer after this time never gets one."""
CROWD_S = 60.0


@dataclass(frozen=True)
class Reply:
    answer: Answer | None
    """None: the connection ended, or the time was over."""
    ms: float


async def call(port: int, request: bytes, ready: asyncio.Event, timeout_s: float) -> Reply:
    """Connects, waits for `ready`, sends, and waits for the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await ready.wait()
    begun_s, buffer = time.perf_counter(), bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(request)
            while data := await reader.read(1 << 16):
                buffer += data
                if answer := parse(buffer):
                    return Reply(Answer(*answer), (time.perf_counter() - begun_s) * 1000)
    except (TimeoutError, OSError):
        pass
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return Reply(None, (time.perf_counter() - begun_s) * 1000)


async def at_once(port: int, requests: Sequence[bytes], timeout_s: float, dropping: int = 0) -> list[Reply]:
    """All requests at the same time; the replies.

    The first `dropping` callers close after DROP_AFTER_S and have none: the first, because whoever comes after a lost
    one in its batch is who suffers.
    """
    ready = asyncio.Event()
    times = [DROP_AFTER_S] * dropping + [timeout_s] * (len(requests) - dropping)
    calls = [
        asyncio.create_task(call(port, request, ready, limit)) for request, limit in zip(requests, times, strict=True)
    ]
    await asyncio.sleep(0.1 + len(requests) / 1000)  # all are connected
    ready.set()
    return (await asyncio.gather(*calls))[dropping:]


def one_bad_picture(port: int, good: bytes, bad: bytes, bursts: int) -> dict[str, object]:
    """In each burst, one damaged JPEG with seven good ones."""
    replies = [asyncio.run(at_once(port, [bad, *[good] * 7], CROWD_S)) for _ in range(bursts)]
    mates = [reply for burst in replies for reply in burst[1:]]
    return {
        "mates": len(mates),
        "mates_failed": sum(not _served(reply) for reply in mates),
        "bad_one_got": statuses([burst[0] for burst in replies]),
    }


def dropped_connections(port: int, request: bytes, bursts: int) -> dict[str, object]:
    """In each burst, four of eight callers close their connection while their picture waits or is inferred."""
    replies = [
        reply for _ in range(bursts) for reply in asyncio.run(at_once(port, [request] * 8, UNANSWERED_S, dropping=4))
    ]
    return {
        "others": len(replies),
        "others_unanswered": sum(reply.answer is None for reply in replies),
        "others_failed": sum(reply.answer is not None and not _served(reply) for reply in replies),
    }


def crowd(port: int, request: bytes, callers: int) -> dict[str, object]:
    """Many callers at once, one picture each."""
    replies = asyncio.run(at_once(port, [request] * callers, CROWD_S))
    served = [reply.ms for reply in replies if _served(reply)]
    refused = [reply for reply in replies if reply.answer is not None and not _served(reply)]
    return {
        "callers": callers,
        "served": len(served),
        "got": statuses(replies),
        "with_retry_after": sum("retry-after" in reply.answer.headers for reply in refused if reply.answer),
        "served_p99_ms": round(percentile(served, 99)) if served else None,
        "refused_p99_ms": round(percentile([reply.ms for reply in refused], 99)) if refused else None,
    }


def _served(reply: Reply) -> bool:
    return reply.answer is not None and reply.answer.status == 200


def statuses(replies: Sequence[Reply]) -> dict[str, int]:
    """How many got which status; `nothing`: no answer."""
    counts = Counter(str(reply.answer.status) if reply.answer else "nothing" for reply in replies)
    return dict(sorted(counts.items()))
