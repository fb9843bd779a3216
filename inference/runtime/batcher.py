"""The dynamic batcher: rows in from any task, results out, the model run in batches as large as pays here.

This file lets rows in and answers for each of them. What runs next, and in which size, is decided in
`batching.py` and `batch_policy.py`; the threads that run it are in `session_pool.py`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from itertools import islice
from typing import Generic

from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batching import WEIGHTS, BatcherClosed, BatcherFull, Item, Lane
from inference.runtime.request import Inferred, R, Request, fail_all
from inference.runtime.rows import Row, shape_of
from inference.runtime.session_pool import Observer, SessionPool, WarmUp
from inference.runtime.session_runner import OpenSession
from vedette.retry import Backoff

logger = logging.getLogger(__name__)

BATCHES_HELD = 2
"""Each session's running batch and its next: a session is never idle, and no frame grows old in here."""
REQUESTS_HELD = 512
"""Rows of requests: clients wait here, and nowhere else."""
LINGER_S = 2.0
"""How long `close` waits for a run that nobody waits for any more."""
NO_BACKOFF_GIVEN = Backoff()
NO_WARM_UP: WarmUp = tuple


class Batcher(Generic[R]):
    """Every submitted row gets exactly one answer, whatever happens to its batch-mates, the model, a session or
    the batcher itself. All methods belong to the event loop of `start`."""

    def __init__(
        self,
        open_session: OpenSession[R],
        *,
        sessions: int,
        policy: BatchPolicy,
        weights: Mapping[Lane, int] = WEIGHTS,
        backoff: Backoff = NO_BACKOFF_GIVEN,
        observer: Observer | None = None,
    ) -> None:
        self._pool = SessionPool(open_session, sessions, policy, weights, backoff, observer, self._pool_changed)
        self._held: dict[Lane, set[Request[R]]] = {lane: set() for lane in weights}
        self._waiting: dict[Lane, dict[asyncio.Event, None]] = {lane: {} for lane in weights}  # for room, in order
        self._refusal: str | None = "the batcher has not been started"

    async def start(self, warm_up: WarmUp = NO_WARM_UP) -> None:
        """Open every session and measure what each batch size costs for rows like those of `warm_up`.

        Without a warm-up no batch is ever waited for, and idle sessions share the waiting rows out evenly. Raises
        `ModelFailed`, with what the model raised as its cause, if a session cannot be opened or run; the batcher is
        closed then.
        """
        try:
            await self._pool.start(warm_up)
        except BaseException:
            await self.close(grace_s=0)
            raise
        self._refusal = None

    @property
    def in_service(self) -> int:
        """Sessions that can run: 0 before `start`, after `close`, and while the model cannot be opened."""
        return self._pool.in_service

    @property
    def capacity(self) -> int:
        """How many frames a lane may hold, the running ones included. It follows the size of batch that pays."""
        return self._pool.rows_at_once * BATCHES_HELD

    @property
    def runs(self) -> frozenset[int]:
        """Runs of the model under way; each has a number of its own."""
        return self._pool.runs

    def room(self, lane: Lane = "live") -> int:
        """How many rows the lane takes now: 0 while no session is in service."""
        holds = self.capacity if lane != "request" or not self.capacity else REQUESTS_HELD
        return max(0, holds - len(self._held[lane]))

    async def wait_for_room(self, lane: Lane = "live") -> int:
        """Wait until the lane takes a row; returns how many it takes. Raises `BatcherClosed`.

        The room is the caller's as long as it awaits nothing else before `submit`. Waiters have it in their order of
        arrival, each woken when it is its turn.
        """
        waiting, turn = self._waiting[lane], asyncio.Event()
        waiting[turn] = None
        try:
            self._refuse_if_closed()
            while turn not in islice(waiting, self.room(lane)):
                turn.clear()
                await turn.wait()
                self._refuse_if_closed()
            return self.room(lane)
        finally:
            del waiting[turn]
            self._announce_room()

    async def submit(
        self, row: Row, deadline: float | None = None, lane: Lane = "live", priority: int = 0, protocol: str = ""
    ) -> Inferred[R]:
        """The result for `row`; it is not copied here and must not change meanwhile.

        `deadline` is in monotonic seconds; a row is dropped if it passes before its batch is formed. Within a lane the
        lowest `priority` goes first; `protocol` is told to the observer.

        Raises `BatcherFull` (at once: the lane has no room, or a request could not be run before its deadline),
        `DeadlineExceeded`, `ModelFailed` (`RowRefused` if the row is at fault) or
        `BatcherClosed`. The row of a cancelled caller is not run if it still waits.
        """
        self._refuse_if_closed()
        request = Request[R](
            shape=shape_of(row),
            enqueued=time.monotonic(),
            deadline=deadline,
            lane=lane,
            priority=priority,
            row=row,
            answer=asyncio.get_running_loop().create_future(),
            protocol=protocol,
        )
        if (inferred := self._pool.run_here(request)) is not None:
            return inferred
        self.refuse_if_late(request)
        self._pool.add(request)
        self._held[lane].add(request)
        try:
            return await request.answer
        finally:
            self._release(request)
            del request  # a failure knows this frame by its traceback: row and failure would keep one another

    def refuse_if_late(self, row: Item, coming: int = 0) -> None:
        """Raises what `submit` would raise at once for such a row, if it came behind `coming` others that are not here
        yet: who has still to make a row need not, if nobody will run it."""
        lane = row.lane
        if self._pool.in_service and self.room(lane) <= coming:
            held = len(self._held[lane]) + coming
            raise BatcherFull(f"the {lane} lane holds {held} rows", self._pool.foresee(row, coming).wait_s)
        if lane == "request" and row.deadline is not None:
            forecast, left_s = self._pool.foresee(row, coming), row.deadline - row.enqueued
            if forecast.is_late(left_s):
                wait_s = forecast.wait_s
                raise BatcherFull(f"it would wait {wait_s:.3f} s; it may take {max(0.0, left_s):.3f} s", wait_s)

    async def close(self, grace_s: float) -> None:
        """Take nothing in, run what is here within `grace_s`, fail the rest with `BatcherClosed`, end the threads.

        A session that hangs in its run is left behind after `LINGER_S`, in its daemon thread.
        """
        self._refuse("the batcher is closing")
        self._pool.hurry()
        if answers := [request.answer for held in self._held.values() for request in held]:
            await asyncio.wait(answers, timeout=grace_s)
        self._stop("the batcher was closed before the row was run")
        if not await self._pool.ended(LINGER_S):
            logger.error("a session is still running %.1f s after closing: its thread is left behind", LINGER_S)

    def _refuse_if_closed(self) -> None:
        if self._refusal is not None:
            raise BatcherClosed(self._refusal)

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self._announce_room()

    def _announce_room(self) -> None:
        for lane, waiting in self._waiting.items():
            if waiting:
                for turn in islice(waiting, self.room(lane) if self._refusal is None else None):
                    turn.set()

    def _release(self, request: Request[R]) -> None:
        self._held[request.lane].discard(request)
        if request.answer.cancelled():
            self._pool.discard(request)
        self._announce_room()

    def _stop(self, reason: str) -> None:
        """Nothing will be run any more: nobody may be left waiting for it."""
        self._refuse(reason)
        self._pool.stop()
        fail_all([request for held in self._held.values() for request in held], BatcherClosed, reason)

    def _pool_changed(self) -> None:
        if self._pool.death is not None:
            self._stop(self._pool.death)
        self._announce_room()
