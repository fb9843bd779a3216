"""Crops of cascades: the side of a further model. All cameras' and pipelines' share its batches, with its requests.

The answer is a core message to the inbox that came with the crop, and nothing is stored: who asked has the frame, and
asks again if this process dies. A crop that has waited longer than anybody waits for it is dropped and counted.
"""

import logging
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from inference import metrics
from inference.cascade.answer import Answer, reference
from inference.cascade.question import Question
from inference.dataplane import DataPlane
from inference.errors import InferenceError, UndecodableImage
from inference.runtime.batching import BatcherClosed, DeadlineExceeded
from inference.stream.room import Place
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from vedette.bus.connection import Bus, describe
from vedette.errors import MalformedMessage
from vedette.process.logs import current_camera

logger = logging.getLogger(__name__)


class CropConsumer:
    """Serves the crops for one model."""

    def __init__(self, bus: Bus, plane: DataPlane, tokens: Tokens, clock: ServerClock) -> None:
        self._bus = bus
        self._plane = plane
        self._tokens = tokens
        self._clock = clock

    async def serve(self, crop: Msg, place: Place) -> None:
        """Answer one crop, whatever becomes of it."""
        async with self._tokens.held(crop):
            try:
                question = Question.decode(crop.subject, crop.headers or {})
            except MalformedMessage as error:
                logger.warning("a crop is left out: %s", error)
                outcome = "malformed"
            else:
                current_camera.set(question.camera)
                try:
                    outcome = await self._outcome(crop, question, place)
                except BatcherClosed:  # another process has the time that is left
                    await self._tokens.give_back(crop)
                    return
            metrics.CROPS_SERVED.labels(self._plane.name, outcome).inc()
            await self._tokens.finish(crop)

    async def _outcome(self, crop: Msg, question: Question, place: Place) -> str:
        waited_s = (self._clock.now() - crop.metadata.timestamp).total_seconds() - self._clock.delay_s
        deadline_s = monotonic() + question.budget_ms / 1000 - max(0.0, waited_s)
        if monotonic() >= deadline_s:
            return "expired"
        try:
            inference = await self._plane.infer(
                crop.data, deadline_s, question.lane, source=(question.site, question.camera), protocol="crop"
            )
        except BatcherClosed:
            raise
        except DeadlineExceeded:
            return "expired"
        except InferenceError as error:
            logger.warning("no answer to a crop: %s", error)
            model = self._plane.choose((question.site, question.camera)).model
            failure = Answer(model=reference(model.card.name, model.version, model.digest), error=str(error)[:500])
            await self._answer(question, failure)
            return "undecodable" if isinstance(error, UndecodableImage) else "failed"
        place.inferred()
        await self._answer(question, Answer.of(inference))
        return "inferred"

    async def _answer(self, question: Question, answer: Answer) -> None:
        try:
            await self._bus.client.publish(question.reply, answer.encode())
        except NatsError as error:
            logger.debug("an answer is lost: %s", describe(error))
