"""Cancelled calls over gRPC: there a server learns at once that a caller is gone, and takes the call out of its batch.

(Over HTTP most never look: they infer for nobody, and nobody else is hurt.)
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.serving.faults import DROP_AFTER_S, UNANSWERED_S

CALLERS = 8


def picture_input(takes_jpeg: bool, jpeg: bytes, side: int) -> InferInput:
    """The JPEG as an item of BYTES, or a black picture as Vedette's graph takes it."""
    if takes_jpeg:
        tensor = InferInput("jpeg", [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[jpeg]], dtype=object))
    else:
        tensor = InferInput("images", [1, side, side, 3], "UINT8")
        tensor.set_data_from_numpy(np.zeros((1, side, side, 3), np.uint8))
    return tensor


def cancelled_calls(port: int, model: str, tensor: InferInput, bursts: int) -> dict[str, object]:
    """In each burst, every other of eight callers cancels its call while it waits or is inferred."""
    found = [asyncio.run(_burst(port, model, tensor)) for _ in range(bursts)]
    return {
        "others": len(found) * CALLERS // 2,
        "others_unanswered": sum(unanswered for unanswered, _ in found),
        "others_failed": sum(len(errors) for _, errors in found),
        "example": next((errors[0][:200] for _, errors in found if errors), None),
    }


async def _burst(port: int, model: str, tensor: InferInput) -> tuple[int, list[str]]:
    """How many of those that stayed got no answer, and the errors that the others got."""
    async with InferenceServerClient(f"127.0.0.1:{port}") as client:
        calls = [asyncio.create_task(client.infer(model, [tensor])) for _ in range(CALLERS)]
        await asyncio.sleep(DROP_AFTER_S)
        for call in calls[::2]:
            call.cancel()
        staying = calls[1::2]
        await asyncio.wait(staying, timeout=UNANSWERED_S)
        unanswered = sum(not call.done() for call in staying)
        await _end(calls)
        return unanswered, [str(error) for call in staying if not call.cancelled() and (error := call.exception())]


async def _end(calls: Sequence[asyncio.Task[object]]) -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
