import datetime as dt
import json

import jsonschema
import pytest

from inference.picture_answer import Found
from inference.picture_model import Inference
from inference.stream.results import Results, timing
from tests.inference.stream.test_live_consumer import SCHEMA
from tests.inference.worker import HEADERS, MODEL
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.errors import BusUnavailable
from vedette.messages import Detection, DetectionsEvent
from vedette.streams import DETECTIONS
from vedette.subjects import Feed
from vedette.view import View

FEED = Feed("people", "plant-1", "gate")
NOON = dt.datetime(2026, 11, 22, 12, 0, 0, 490_000, dt.UTC)
BOX = (0.1, 0.2, 0.3, 0.4)
PERSON, CAR, GHOST = (
    Detection(label=label, confidence=confidence, bbox=BOX)
    for label, confidence in (("person", 0.8), ("car", 0.4), ("person", 0.39))
)
SEEN = tuple(Found(found.label, found.confidence, found.bbox) for found in (PERSON, CAR, GHOST))
FOUND = Inference(MODEL, SEEN, prepare_s=0.00123456, queue_s=0.0048, infer_s=0.021, batch_size=4)


def results(bus: Bus, **stage: object) -> Results:
    return Results(bus, Pipeline.model_validate({"stages": [{"model": "coco-detector", **stage}]}))


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        ({}, (PERSON, CAR, GHOST)),
        ({"confidence": 0.4}, (PERSON, CAR)),
        ({"labels": ["person"]}, (PERSON, GHOST)),
        ({"labels": ["person", "car"], "confidence": 0.5}, (PERSON,)),
        ({"labels": []}, ()),
    ],
    ids=str,
)
async def test_the_pipeline_says_which_detections_it_wants(
    bus: Bus, stage: dict[str, object], wanted: tuple[Detection, ...]
) -> None:
    assert results(bus, **stage).wanted(FOUND) == wanted


async def test_boxes_in_a_substreams_picture_are_of_the_main_one(bus: Bus) -> None:
    left = [found.bbox for found in results(bus).wanted(FOUND, View(0.0, 0.25, 0.5, 0.5))]
    assert left == [(0.05, 0.35, 0.15, 0.2)] * 3
    beyond = View(-0.5, 0.0, 1.0, 1.0)
    assert not results(bus).wanted(FOUND, beyond), "the main picture doesn't show them"


async def test_a_message_is_stored_when_publishing_returns_and_is_stored_once(bus: Bus) -> None:
    for _ in range(2):
        took = timing(FOUND, HEADERS, 31.987)
        await results(bus).publish(FEED, MODEL, HEADERS, NOON, (PERSON,), took, picture=90210)
    info = await bus.jetstream.stream_info(DETECTIONS)
    assert info.state.messages == 1
    message = await bus.jetstream.get_msg(DETECTIONS, 1)
    assert message.data is not None
    event = json.loads(message.data)
    jsonschema.validate(event, SCHEMA)
    assert event["id"] == "plant-1/gate/people/7-0"
    assert event["time"] == "2026-11-22T12:00:00.482Z"
    assert event["data"]["frame"]["arrived_at"] == "2026-11-22T12:00:00.490Z"
    assert event["data"]["frame"]["picture"] == 90210
    assert event["data"]["detections"] == [
        {"label": "person", "confidence": 0.8, "bbox": [0.1, 0.2, 0.3, 0.4], "attributes": {}}
    ]
    assert event["data"]["timing"] == {
        "prepare_ms": 1.23,
        "queue_ms": 4.8,
        "infer_ms": 21.0,
        "total_ms": 31.99,
        "batch_size": 4,
    }


async def test_a_message_with_an_error_is_valid_and_has_no_detections(bus: Bus) -> None:
    await results(bus).publish(FEED, MODEL, HEADERS, NOON, error="undecodable")
    message = await bus.jetstream.get_msg(DETECTIONS, 1)
    assert message.data is not None
    jsonschema.validate(json.loads(message.data), SCHEMA)
    data = DetectionsEvent.model_validate_json(message.data).data
    assert (data.error, data.detections, data.timing) == ("undecodable", (), None)


async def test_what_may_not_be_stored_is_told(bus: Bus, nats_server: NatsServer) -> None:
    nats_server.kill()
    await until(lambda: not bus.client.is_connected, "disconnected")
    with pytest.raises(BusUnavailable):
        await results(bus).publish(FEED, MODEL, HEADERS, NOON)
