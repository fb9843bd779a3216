"""The access pipeline inside the test: the first worker, the further models' services, and pictures of faces."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import cv2
import numpy as np
from nats.aio.msg import Msg
from numpy.typing import NDArray
from prometheus_client import Counter

from inference.cascade.cascades import Cascades
from inference.cascade.matching import Gallery
from inference.dataplane import DataPlane
from inference.identities.match import Match
from inference.repository.folder import Repository
from inference.repository.opening import open_repository
from inference.stream.crop_consumer import CropConsumer
from inference.stream.intake import Intake
from inference.stream.room import Place, Room
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from tests.inference.worker import ROOT, Notes, Worker, encoded, open_plane, working
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.models_settings import Models
from vedette.config.pipeline_settings import Pipeline
from vedette.consumers import crop_consumer
from vedette.messages import Detections
from vedette.streams import CROPS
from vedette.tracing.tracer import Tracer

LIVENESS, EMBEDDING, STAFF = "face-liveness", "face-embedding", "staff"
ACCESS = Pipeline.model_validate(
    {
        "stages": [
            {"model": "face-detector@^1"},
            {"model": "face-liveness@^1", "on": "face"},
            {"model": "face-embedding@^1", "on": "face"},
            {"identities": "staff", "on": "face"},
        ]
    }
)
JUDGED = Pipeline.model_validate({"stages": [{"model": "face-detector"}, {"model": LIVENESS, "on": "face"}]})
_REPOSITORY = Repository(ROOT / "models")
MODELS = {name: _REPOSITORY.resolve(name) for name in ("coco-detector", "face-detector", LIVENESS, EMBEDDING)}


@cache
def portrait(name: str) -> NDArray[np.uint8]:
    """BGR, 480 pixels high."""
    picture = cv2.imread(str(ROOT / f"tests/media/faces/{name}.jpg"))
    assert picture is not None
    return np.asarray(cv2.resize(picture, (480 * picture.shape[1] // picture.shape[0], 480)), np.uint8)


@cache
def group(*names: str) -> bytes:
    """A JPEG of portraits side by side, left to right."""
    return encoded(np.hstack([portrait(name) for name in names]))


def plane_of(model: str) -> AbstractAsyncContextManager[DataPlane]:
    return open_plane(sessions=1, model=MODELS[model])


class Faces:
    """A gallery of vectors that were seen before: a person each."""

    ready = True

    def __init__(self, people: Mapping[str, NDArray[np.float32]] | None = None) -> None:
        self.people = dict(people or {})
        self.asked: list[NDArray[np.float32]] = []
        self.digests: list[str] = []

    def match(self, vectors: NDArray[np.float32], digest: str) -> list[Match | None]:
        self.asked.append(vectors)
        self.digests.append(digest)
        found: list[Match | None] = []
        for vector in vectors:
            near = [Match(name, float(np.dot(vector, known))) for name, known in self.people.items()]
            found.append(next((one for one in near if one.similarity > 0.5), None))
        return found


@asynccontextmanager
async def serving(bus: Bus, model: str) -> AsyncIterator[DataPlane]:
    """The service of a further model, ended as on a stop."""
    async with plane_of(model) as plane:
        tokens, clock = Tokens(bus), ServerClock(bus)
        intake = Intake(bus, CROPS, crop_consumer(model), Room(plane), CropConsumer(bus, plane, tokens, clock).serve)
        await clock.measure()
        async with background(tokens.keep_alive(), clock.run(), intake.run()):
            await until(lambda: intake.ready, f"{model} takes crops")
            yield plane
            intake.stop()


@asynccontextmanager
async def detecting(
    bus: Bus,
    pipeline: Pipeline = ACCESS,
    galleries: Mapping[str, Gallery] | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[Worker]:
    """The worker of the first stage."""
    config = Config(models=Models(path=ROOT / "models"), pipelines={"people": pipeline})
    async with await asyncio.to_thread(open_repository, config) as repository, plane_of(pipeline.model_name) as plane:
        cascades = Cascades(bus, repository, {"people": pipeline}, 60.0, galleries or {})
        await cascades.begin()
        try:
            work = working(bus, plane, pipeline, cascades.of("people"), tracer)
            async with background(cascades.run()), work as worker:
                yield worker
        finally:
            cascades.close()


def told(notes: Notes) -> list[Detections]:
    """Each frame's message once, as the stream keeps it: a recording's frame may be published twice."""
    return list({(event.camera, event.frame.seq): event for event in reversed(notes.events)}.values())[::-1]


class _Roomy:
    capacity = 64


@asynccontextmanager
async def standing_in(bus: Bus, model: str, answers: Callable[[Msg], Sequence[bytes]]) -> AsyncIterator[None]:
    """A service that answers each crop what it likes, as often as it likes."""
    tokens = Tokens(bus)

    async def serve(crop: Msg, place: Place) -> None:
        for answer in answers(crop):
            await bus.client.publish((crop.headers or {})["Vedette-Reply"], answer)
        await tokens.finish(crop)

    intake = Intake(bus, CROPS, crop_consumer(model), Room(_Roomy()), serve)
    async with background(intake.run()):
        await until(lambda: intake.ready, f"somebody stands in for {model}")
        yield
        intake.stop()


def total(counter: Counter, **labels: str) -> float:
    """Over all series that have these labels."""
    samples = [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
