"""The session threads: each takes its next batch from the shared queue by itself, runs it, and posts the outcome.

One lock guards queue and learned costs; nobody runs a model or copies an image under it. Threads decide for
themselves, so that a session never waits for the event loop while there is work, and the loop is called once a batch.
"""

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol

from inference.runtime.batch_policy import BatchCosts, BatchPolicy
from inference.runtime.batching import BatchQueue, DeadlineExceeded, Forecast, Item, Lane, ModelFailed, RowRefused
from inference.runtime.request import Inferred, R, Request, fail_all
from inference.runtime.rows import Row
from inference.runtime.session_runner import OpenSession, Samples, SessionRunner, curve_of
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)


QUICK_S = 0.0002
"""A row that takes no longer is run on the event loop, by an idle session: to wake its thread takes as long."""

WarmUp = Callable[[], Sequence[Row]]
"""The rows to warm up and measure with; called in a session's thread when its session is open."""


class Observer(Protocol):
    """Told what happens, on the event loop."""

    def on_batch(self, size: int, queue_s: Sequence[float], infer_s: float, protocols: Collection[str]) -> None: ...
    def on_padding(self, rows: int) -> None: ...
    def on_rebuild(self, error: Exception) -> None: ...


class SessionPool(Generic[R]):
    """N sessions in N daemon threads, `session-0` and on, in front of one queue.

    A session that raises is replaced, and each request of its batch is run alone on the new one: a bad row fails
    nobody else, and a bad batch costs one new session, however many of its rows are bad. A ValueError is about the
    rows and leaves the session in place. If no session can be opened the batch fails and its thread tries again by
    `backoff`, while the others go on; the last one to go out of service fails what waits. A request whose waiter is
    gone is run only if its batch is running already.
    """

    def __init__(
        self,
        open_session: OpenSession[R],
        sessions: int,
        policy: BatchPolicy,
        weights: Mapping[Lane, int],
        backoff: Backoff,
        observer: Observer | None,
        on_change: Callable[[], None],
    ) -> None:
        """`on_change` is called on the event loop when `in_service` or `death` has changed."""
        self._open_session = open_session
        self._sessions = sessions
        self._policy = policy
        self._backoff = backoff
        self._observer = observer
        self._on_change = on_change
        self.death: str | None = None
        """Why the pool's own machinery broke down, if it has: nothing will be run any more."""
        self._ended: list[asyncio.Future[None]] = []
        self._stopping = threading.Event()
        self._changed = threading.Condition()  # only idle sessions wait for it; its lock guards all below
        self._queue = BatchQueue[Request[R]](policy, BatchCosts(), weights)
        self._idle: list[SessionRunner[R]] = []
        self._padded = False
        self._begun = 0
        self._under_way: set[int] = set()
        self.in_service = 0
        """Sessions that can run."""
        self.rows_at_once = 0
        """How many rows run at once when each session in service has a batch of the size that pays."""

    # On the event loop.

    async def start(self, warm_up: WarmUp) -> None:
        """Open all sessions at once and measure them together, as they will run. Raises `ModelFailed`."""
        self._loop = asyncio.get_running_loop()
        measured = await asyncio.gather(*(self._start_thread(number, warm_up) for number in range(self._sessions)))
        with self._changed:
            for shape in measured[0]:
                self._queue.costs.seed(shape, curve_of((samples[shape] for samples in measured), self._padded))
            self._serve_with(self._sessions)

    def add(self, request: Request[R]) -> None:
        """Put a request into the queue. Raises `ModelFailed` if no session is there to take it."""
        with self._changed:
            if not self.in_service:
                raise ModelFailed("no session is in service")
            self._queue.add(request)
            self._changed.notify()

    def run_here(self, request: Request[R]) -> Inferred[R] | None:
        """The answer at once, by an idle session on this thread, if the model takes no time to speak of; else None.

        The session's own thread can't take it away meanwhile: the lock is held, for `QUICK_S`. A row that the model
        fails on is run again there, with all that follows.
        """
        shape = request.shape
        with self._changed:
            if not self._idle or self._queue or self._padded:
                return None
            if (curve := self._queue.costs.of(shape)) is None or curve.predict(1) > QUICK_S:
                return None
            started = time.monotonic()
            if request.deadline is not None and request.deadline <= started:
                return None
            try:
                (result,) = self._idle[-1].run([request.row])
            except Exception:  # noqa: BLE001 - raised again, and dealt with, in the session's thread
                return None
            infer_s = time.monotonic() - started
            self._queue.costs.observe(shape, 1, infer_s)
        if self._observer is not None:
            self._observer.on_batch(1, (0.0,), infer_s, (request.protocol,))
        return Inferred(result, 0.0, infer_s, 1)

    def foresee(self, item: Item, coming: int = 0) -> Forecast:
        """How long a row that came now, behind `coming` others, would take."""
        with self._changed:
            return self._queue.foresee(item, self.in_service, len(self._idle), coming)

    def discard(self, request: Request[R]) -> None:
        """Don't run a request, if it is not running yet."""
        with self._changed:
            self._queue.discard(request)

    @property
    def runs(self) -> frozenset[int]:
        """Those under way; each has a number of its own."""
        with self._changed:
            return frozenset(self._under_way)

    def hurry(self) -> None:
        """Nobody will come any more: stop waiting for larger batches."""
        with self._changed:
            self._queue.policy = replace(self._policy, max_delay_s=0)
            self._changed.notify_all()

    def stop(self) -> None:
        """Forget what waits; each thread ends when its run is over."""
        with self._changed:
            self._stopping.set()
            self._serve_with(0)
            self._queue.clear()
            self._changed.notify_all()

    async def ended(self, timeout_s: float) -> bool:
        """Wait for the threads' ends; False if one is still there after `timeout_s`."""
        return not self._ended or not (await asyncio.wait(self._ended, timeout=timeout_s))[1]

    def _serve_with(self, sessions: int) -> None:
        """The caller holds the lock."""
        self.in_service = sessions
        self.rows_at_once = sessions * self._queue.preferred

    def _start_thread(self, number: int, warm_up: WarmUp) -> asyncio.Future[Samples]:
        ready: asyncio.Future[Samples] = self._loop.create_future()
        ended: asyncio.Future[None] = self._loop.create_future()
        self._ended.append(ended)
        threading.Thread(target=self._live, args=(warm_up, ready, ended), name=f"session-{number}", daemon=True).start()
        return ready

    # In the session threads.

    def _post(self, callback: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    def _live(self, warm_up: WarmUp, ready: asyncio.Future[Samples], ended: asyncio.Future[None]) -> None:
        try:
            if (runner := self._open(warm_up, ready)) is not None:
                self._serve(runner)
        except BaseException as error:
            logger.exception("the batcher's own machinery failed")
            self.death = f"the batcher died: {_reason(error)}"
            self._post(_settle, ready, ModelFailed(self.death))
            self._post(self._on_change)
        finally:
            self._post(_settle, ended, None)

    def _open(self, warm_up: WarmUp, ready: asyncio.Future[Samples]) -> SessionRunner[R] | None:
        runner = SessionRunner(self._open_session, self._policy)
        try:
            runner.open()
            self._padded = runner.padded  # sessions are alike
            samples = runner.measure(warm_up(), self._stopping.is_set)
        except Exception as error:  # noqa: BLE001 - raised by `start`
            failure = ModelFailed(_reason(error))
            failure.__cause__ = error
            self._post(_settle, ready, failure)
            return None
        self._post(_settle, ready, samples)
        return runner

    def _serve(self, runner: SessionRunner[R]) -> None:
        while batch := self._next_batch(runner):
            if (error := self._run(runner, batch)) is not None:
                self._recover(runner, batch, error)

    def _next_batch(self, runner: SessionRunner[R]) -> list[Request[R]]:
        """Block until there is a batch to run; an empty one ends the thread."""
        with self._changed:
            self._idle.append(runner)
            try:
                while not self._stopping.is_set():
                    now = time.monotonic()
                    self._fail_expired(now)
                    batch = self._queue.take(len(self._idle), now)
                    if isinstance(batch, list):
                        if self._queue:
                            self._changed.notify()  # what is left is for another session, if one is idle
                        return batch
                    self._changed.wait(None if batch == math.inf else batch - now)
                return []
            finally:
                self._idle.remove(runner)

    def _fail_expired(self, now: float) -> None:
        if expired := self._queue.expire(now):
            self._post(fail_all, expired, DeadlineExceeded, "the deadline passed before the row was run")

    def _run(self, runner: SessionRunner[R], batch: Sequence[Request[R]]) -> Exception | None:
        """Run and deliver; or what the model raised, whatever it is: a matter of this batch alone."""
        started = time.monotonic()
        with self._changed:
            size = self._queue.costs.bucket(batch[0].shape, len(batch))
            self._begun = run = self._begun + 1
            self._under_way.add(run)
        try:
            results = runner.run([request.row for request in batch], size)
        except Exception as error:  # noqa: BLE001 - logged by `_recover` or given to the waiter
            return error
        finally:
            with self._changed:
                self._under_way.discard(run)
        infer_s = time.monotonic() - started
        self._post(self._deliver, batch, results, started, infer_s, size - len(batch))
        with self._changed:
            self._queue.costs.observe(batch[0].shape, len(batch), infer_s)
            self._serve_with(self.in_service)
        return None

    def _recover(self, runner: SessionRunner[R], batch: Sequence[Request[R]], error: Exception) -> None:
        if not isinstance(error, ValueError) and not self._replaced(runner, batch, error):
            return
        for request in batch:
            if not request.answer.done() and (alone := self._run(runner, [request])) is not None:
                refused = isinstance(alone, ValueError)
                self._post(fail_all, [request], RowRefused if refused else ModelFailed, _reason(alone))

    def _replaced(self, runner: SessionRunner[R], batch: Sequence[Request[R]], error: Exception) -> bool:
        """Open another session. If that fails so does the batch, and this returns when one could be opened."""
        logger.error("a batch of %d failed, its session is replaced: %s", len(batch), _reason(error), exc_info=error)
        self._post(self._rebuilding, error)
        try:
            runner.open()
        except Exception as unopened:  # noqa: BLE001 - logged and retried by `_reopen`
            self._post(fail_all, batch, ModelFailed, _reason(error))
            self._reopen(runner, unopened)
            return False
        return True

    def _reopen(self, runner: SessionRunner[R], error: Exception) -> None:
        """Out of service until a session opens or the pool stops."""
        logger.error("no session can be opened, trying again: %s", _reason(error), exc_info=error)
        self._leave_service(_reason(error))
        retry = Retry(self._backoff)
        opened = False
        while not opened and not self._stopping.wait(retry.wait_s(lasted_s=0.0)):
            with contextlib.suppress(Exception):  # the first failure has been logged; the next ones say the same
                runner.open()
                opened = True
        if opened:
            self._return_to_service()

    def _leave_service(self, reason: str) -> None:
        with self._changed:
            self._serve_with(max(0, self.in_service - 1))
            waiting = [] if self.in_service else self._queue.clear()
        self._post(fail_all, waiting, ModelFailed, f"no session is in service: {reason}")
        self._post(self._on_change)

    def _return_to_service(self) -> None:
        logger.info("a session is back in service")
        with self._changed:
            self._serve_with(0 if self._stopping.is_set() else self.in_service + 1)
        self._post(self._on_change)

    # Posted by the session threads: on the event loop again.

    def _deliver(
        self, batch: Sequence[Request[R]], results: Sequence[R], started: float, infer_s: float, padding: int
    ) -> None:
        queue_s = [started - request.enqueued for request in batch]
        for request, result, waited_s in zip(batch, results, queue_s, strict=True):
            request.resolve(Inferred(result, waited_s, infer_s, len(batch)))
        if self._observer is not None:
            self._observer.on_batch(len(batch), queue_s, infer_s, {request.protocol for request in batch})
            if padding:
                self._observer.on_padding(padding)

    def _rebuilding(self, error: Exception) -> None:
        if self._observer is not None:
            self._observer.on_rebuild(error)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
