"""The shell of every process: signals become a `Stop`, failures one line and an exit status.

0 done, 1 failed or interrupted, 2 wrong use or configuration. The first SIGINT or SIGTERM asks for an orderly end, a
second one ends the process at once. The handlers are plain `signal` handlers, in force until the interpreter is gone:
those of the event loop vanish with it, and a late Ctrl-C would print a traceback.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from vedette.background import end
from vedette.errors import VedetteError

logger = logging.getLogger(__name__)

DONE, FAILED, MISUSED = 0, 1, 2


T = TypeVar("T")


class Stopped(VedetteError):
    """An end was asked for before the process had begun its work."""


class Stop:
    """The wish that this process ends."""

    def __init__(self) -> None:
        self.requested = False
        """Whether an end was asked for."""
        self.on_force: Callable[[], None] = lambda: None
        """What a second signal does, in the signal handler, before it ends the process at once."""
        self._event = asyncio.Event()

    def request(self) -> None:
        """Ask for an orderly end."""
        self.requested = True
        self._event.set()

    async def wait(self) -> None:
        """Until an end is asked for."""
        await self._event.wait()

    async def unless_requested(self, body: Coroutine[Any, Any, T]) -> T:
        """What `body` returns; if an end is asked for first, `body` is cancelled and `Stopped` raised."""
        task, stopping = asyncio.create_task(body), asyncio.create_task(self.wait())
        try:
            await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Stopped
            return await task
        finally:
            await end((task, stopping))


Body = Callable[[Stop], Coroutine[Any, Any, int]]


def run(body: Body, stopped: int = DONE) -> int:
    """Run `body` to its end and return the exit status; what a user can mend is one line on stderr.

    `stopped` is the status where `Stopped` ended it: a service that was asked to end is done, but what a command was to
    do it has not done then (`FAILED`).
    """
    try:
        return asyncio.run(_with_signals(body))
    except BaseExceptionGroup as group:
        return _report(_first_known(group), stopped)
    except VedetteError as error:
        return _report(error, stopped)


async def _with_signals(body: Body) -> int:
    stop, loop = Stop(), asyncio.get_running_loop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            stop.on_force()
            os._exit(FAILED)
        stop.requested = True
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.request)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return await body(stop)


def _report(error: VedetteError, stopped: int) -> int:
    if isinstance(error, Stopped):
        if stopped != DONE:
            sys.stderr.write("vedette: interrupted\n")
        return stopped
    sys.stderr.write(f"vedette: {error}\n")
    return error.exit_status


def _first_known(group: BaseExceptionGroup[BaseException]) -> VedetteError:
    """The error of a task group that a user can be told of; any other one is a bug, and is raised."""
    known, unknown = group.split(VedetteError)
    if unknown is not None or known is None:
        raise group
    error: BaseException = known
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, VedetteError)  # noqa: S101 -- what `split` guarantees
    return error
