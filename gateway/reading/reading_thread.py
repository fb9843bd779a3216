"""Runs a blocking reader in a named thread of its own, for a task that may be cancelled at any time."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

logger = logging.getLogger(__name__)

_LEAVE_WITHIN_S = 1.5


async def read_in_thread(name: str, read: Callable[[threading.Event], None]) -> None:
    """Run `read(stop)` in a daemon thread until it returns or raises, which this does too.

    Cancelled, it sets `stop` and waits a little; a thread that is stuck in a library is left behind.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    ended: asyncio.Future[None] = loop.create_future()
    context = contextvars.copy_context()

    def settle(error: BaseException | None) -> None:
        if not ended.done():
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

    def body() -> None:
        failure: BaseException | None = None
        try:
            context.run(read, stop)
        except BaseException as error:  # noqa: BLE001 -- handed over to the task that waits
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, failure)

    ended.add_done_callback(lambda _: ended.exception())  # seen, should nobody wait for it any more
    threading.Thread(target=body, name=name, daemon=True).start()
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait((ended,), timeout=_LEAVE_WITHIN_S)
        if not ended.done():
            logger.warning("the thread %s is stuck and left behind", name)
        raise
