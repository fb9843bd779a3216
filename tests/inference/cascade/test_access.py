"""The access pipeline with the real models: faces found, judged and named, each model a service of its own."""

import json
from dataclasses import replace

import jsonschema
import numpy as np

from inference.rollout.plan import Plan as PlanOfVersions
from tests.inference.cascade.access import ACCESS, EMBEDDING, JUDGED, LIVENESS, MODELS, Faces, detecting, group, serving
from tests.inference.stream.test_live_consumer import SCHEMA
from tests.inference.worker import Camera, listen, stored
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.streams import CROPS


async def test_faces_are_judged_and_named_and_their_vectors_are_in_no_message(bus: Bus) -> None:
    notes, camera, gallery = await listen(bus), Camera(bus), Faces()
    async with serving(bus, LIVENESS), serving(bus, EMBEDDING), detecting(bus, ACCESS, {"staff": gallery}):
        await camera.frame(0, group("obama", "biden"), budget_ms=60_000.0)
        await until(lambda: notes.events, "an event")
        first = notes.events[0]
        left_is_first = first.detections[0].bbox[0] < first.detections[1].bbox[0]
        gallery.people = dict(
            zip(("Barack", "Joe") if left_is_first else ("Joe", "Barack"), gallery.asked[0], strict=True)
        )
        await camera.frame(1, group("biden", "obama2"), budget_ms=60_000.0)
        await notes.until_served(2)
        del gallery.people["Barack"]
        await camera.frame(2, group("biden", "obama2"), budget_ms=60_000.0)
        await notes.until_served(3)
        await until_async(lambda: nothing_left(bus), "all crops are served")
    for event in notes.events:
        assert event.incomplete == ()
        assert {model.name for model in event.stages} == {LIVENESS, EMBEDDING}
        assert event.timing is not None
        assert event.timing.cascade_ms is not None
        assert all(0 <= float(found.attributes["liveness"]) <= 1 for found in event.detections)
    assert [found.attributes.get("name") for found in first.detections] == [None, None]
    for event, names in zip(notes.events[1:], (["Joe", "Barack"], ["Joe", None]), strict=True):
        by_place = sorted(event.detections, key=lambda found: found.bbox[0])
        assert [found.attributes.get("name") for found in by_place] == names
        assert by_place[0].attributes["similarity"] > 0.9  # type: ignore[operator]
    for message in notes.messages:
        jsonschema.validate(json.loads(message.data), SCHEMA)
        assert len(message.data) < 3000
    assert np.allclose(np.linalg.norm(gallery.asked[1], axis=1), 1, atol=1e-3)


async def nothing_left(bus: Bus) -> bool:
    return await stored(bus, CROPS) == 0


async def test_crops_of_cameras_in_its_share_are_served_by_a_further_models_candidate(bus: Bus) -> None:
    notes, model = await listen(bus), MODELS[LIVENESS]
    versions = {"1.0.0": model.card.versions["1.0.0"], "1.1.0": model.card.versions["1.0.0"]}
    newer = replace(model, card=model.card.model_copy(update={"versions": versions}), version="1.1.0")
    async with serving(bus, LIVENESS) as plane, detecting(bus, JUDGED):
        await plane.hold(newer)
        for share, camera in ((0.0, "gate"), (1.0, "door")):
            plane.assign(PlanOfVersions(stable="1.0.0", candidate="1.1.0", share=share))
            await Camera(bus, camera).frame(0, group("obama"), budget_ms=60_000.0)
            await notes.until_served(1, camera)
    assert [event.stages[0].version for event in notes.events] == ["1.0.0", "1.1.0"]
    assert [event.incomplete for event in notes.events] == [(), ()]
