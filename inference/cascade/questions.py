"""Crops out, answers in: the first worker's side of the bus.

An answer counts if it comes to an inbox whose name was given with that crop alone, 96 bits that nobody can guess, and
only once. The server says in the same way whether it has stored the crop, so that a full stream, or none, is known at
once rather than when the budget is over.

A service that is down would cost every frame its whole budget, and its camera frames: after `SILENT_AFTER` crops in a
row without an answer, one is asked every `_PROBE_EVERY_S`, and the others are missing without being waited for.
"""

import asyncio
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from inference import metrics
from inference.cascade.answer import Answer, AnswerFailed, UnusableAnswer
from inference.cascade.question import CropLane, Question
from inference.errors import InferenceError
from inference.repository.card import ModelCard
from vedette.bus.connection import Bus, describe
from vedette.errors import MessageTooLarge
from vedette.subjects import Feed

logger = logging.getLogger(__name__)

SILENT_AFTER = 3
_PROBE_EVERY_S = 1.0
_LEAST_WAIT_S = 0.2
"""Who waited less can't tell whether the service is silent."""
_LATE_REMEMBERED = 1024
_LOG_EVERY_S = 30.0
_STORED = "stored"


class Unanswered(InferenceError):
    """No answer that counts: `outcome` as in the metrics."""

    def __init__(self, outcome: str, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


@dataclass
class _Service:
    """What is known of a further model."""

    unanswered: int = 0
    """In a row."""
    next_probe_s: float = 0.0
    logged_s: float = field(default=-_LOG_EVERY_S)

    @property
    def silent(self) -> bool:
        return self.unanswered >= SILENT_AFTER


@dataclass(slots=True)
class Asked:
    """One crop under way."""

    question: Question
    card: ModelCard
    jpeg: bytes
    asked_s: float
    answer: asyncio.Future[Answer]
    answered_s: float | None = None

    @property
    def inbox(self) -> str:
        """Where its answer comes."""
        return self.question.reply

    @property
    def pipeline(self) -> str:
        return self.question.pipeline


class Questions:
    """`ask` is answered while `run` runs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._root = bus.client.new_inbox()
        self._asked: dict[str, Asked] = {}
        self._late: dict[str, None] = {}
        """Inboxes whose answers nobody waits for any more, the oldest first."""
        self._services: dict[str, _Service] = defaultdict(_Service)
        self._listening = asyncio.Event()

    @property
    def under_way(self) -> int:
        """Crops whose answer is waited for."""
        return len(self._asked)

    async def run(self) -> None:
        """Receive answers; never returns."""
        subscription = await self._bus.client.subscribe(f"{self._root}.>", cb=self._on_message)
        leave = self._bus.on_reconnect(self._start_anew)
        self._listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            leave()
            if self._bus.client.is_connected:
                await subscription.unsubscribe()

    def may_ask(self, model: str) -> bool:
        """Whether an answer is to be expected, or it is time to see whether there is one again."""
        service, now_s = self._services[model], monotonic()
        if service.silent and now_s < service.next_probe_s:
            return False
        service.next_probe_s = now_s + _PROBE_EVERY_S
        return True

    async def ask(self, card: ModelCard, feed: Feed, jpeg: bytes, wait_s: float, lane: CropLane) -> Asked:
        """Send a crop to the service of a model, to be answered in `wait_s`. Its answer, or Unanswered, is in the
        future; `forget` it when nobody waits any more.

        Raises Unanswered: it was not sent.
        """
        await self._listening.wait()
        inbox = f"{self._root}.{secrets.token_urlsafe(12)}"
        question = Question(card.name, feed.site, feed.camera, feed.pipeline, inbox, wait_s * 1000, lane)
        asked = Asked(question, card, jpeg, monotonic(), asyncio.get_running_loop().create_future())
        self._asked[inbox] = asked
        try:
            await self._send(question, jpeg)
        except (NatsError, MessageTooLarge) as error:
            self._asked.pop(inbox, None)
            raise Unanswered("unsent", f"{card.name}: {describe(error)}") from error
        except asyncio.CancelledError:  # who asked has no `Asked` to forget
            self._asked.pop(inbox, None)
            raise
        return asked

    async def _send(self, question: Question, jpeg: bytes) -> None:
        self._bus.check_size(question.subject, jpeg)
        await self._bus.client.publish(question.subject, jpeg, f"{question.reply}.{_STORED}", question.encode())

    def forget(self, asked: Sequence[Asked], in_vain: bool = True) -> None:
        """Nobody waits for these any more; `in_vain`: their time was over."""
        now_s, silent = monotonic(), set()
        for one in asked:
            if self._asked.pop(one.inbox, None) is None:
                if not one.answer.cancelled():
                    one.answer.exception()  # looked at: nobody else will
                continue
            one.answer.cancel()
            if in_vain:
                self._late[one.inbox] = None
                metrics.CROPS_ASKED.labels(one.card.name, one.pipeline, "unanswered").inc()
                if now_s - one.asked_s >= _LEAST_WAIT_S:
                    silent.add(one.card.name)
        while len(self._late) > _LATE_REMEMBERED:
            del self._late[next(iter(self._late))]
        for name in silent:
            self._note_silence(name)

    def _note_silence(self, name: str) -> None:
        """A frame got no answer of this service."""
        service = self._services[name]
        service.unanswered += 1
        now_s = monotonic()
        if service.silent:
            service.next_probe_s = max(service.next_probe_s, now_s + _PROBE_EVERY_S)
            self._warn(name, "does not answer in time; it is asked once a second until it does")

    def _warn(self, name: str, text: str) -> None:
        service, now_s = self._services[name], monotonic()
        if now_s - service.logged_s >= _LOG_EVERY_S:
            service.logged_s = now_s
            logger.warning("%s %s", name, text)

    async def _on_message(self, message: Msg) -> None:
        inbox = message.subject.removesuffix(f".{_STORED}")
        asked = self._asked.get(inbox)
        if inbox != message.subject:
            if asked is not None and (why := _not_stored(message)) is not None:
                self._settle(asked, Unanswered("unsent", f"{asked.card.name}: {why}"))
            return
        if asked is None:
            known = self._late.pop(inbox, "") is None
            metrics.CROP_ANSWERS_LEFT_OUT.labels("late" if known else "stray").inc()
            return
        try:
            answer = Answer.believed(message.data, asked.card)
        except AnswerFailed as error:
            self._services[asked.card.name].unanswered = 0
            self._settle(asked, Unanswered("failed", f"{asked.card.name}: {error}"))
        except UnusableAnswer as error:
            self._settle(asked, Unanswered("unusable", f"{asked.card.name} gave no answer: {error}"))
        else:
            self._services[asked.card.name].unanswered = 0
            del self._asked[inbox]
            metrics.CROPS_ASKED.labels(asked.card.name, asked.pipeline, "answered").inc()
            asked.answered_s = monotonic()
            if not asked.answer.done():
                asked.answer.set_result(answer)

    def _settle(self, asked: Asked, why: Unanswered) -> None:
        del self._asked[asked.inbox]
        metrics.CROPS_ASKED.labels(asked.card.name, asked.pipeline, why.outcome).inc()
        self._warn(asked.card.name, f"costs attributes: {why}")
        if not asked.answer.done():
            asked.answer.set_exception(why)

    async def _start_anew(self) -> None:
        """The server may have lost all crops with its memory: they are sent again, for the time that is left."""
        for asked in list(self._asked.values()):
            left_ms = asked.question.budget_ms - (monotonic() - asked.asked_s) * 1000
            try:
                await self._send(replace(asked.question, budget_ms=left_ms), asked.jpeg)
            except NatsError as error:
                logger.debug("crops: %s", describe(error))
                return  # gone again


def _not_stored(message: Msg) -> str | None:
    """Why the server did not take a crop; None: it did."""
    status = (message.headers or {}).get("Status")
    if status is not None:
        return "no stream takes crops"
    try:
        error = json.loads(message.data).get("error")
        return None if error is None else str(error.get("description", "refused"))[:200]
    except (ValueError, AttributeError):
        return None
