"""Detections messages that no worker of ours would write harm nobody: neither their camera nor the others."""

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import REGISTRY

from events.scenes.camera_scene import SceneKey
from events.scenes.intake import MOST_DETECTIONS, Refused, admitted
from events.scenes.partition_scenes import MOST_SCENES, MOST_STATE_BYTES, PartitionScenes
from events.settings import SceneSettings
from events.tracking.assignment import assign
from tests.events.messages import at, film, found, kinds, message, scene, shown
from vedette.messages import Detection, Detections, Input, detections_event

KEY = SceneKey("plant", "gate", "people")


def scenes() -> PartitionScenes:
    return PartitionScenes(lambda key: SceneSettings(), {}, 0.0)


def walking(first: int, frames: int) -> list[Detections]:
    return film([[at(0.1 + 0.02 * (n % 40), 0.5)] for n in range(first + frames)])[first:]


def plain(data: Detections) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(detections_event(data).model_dump_json(exclude_none=True))
    return content


def changed(data: Detections, path: str, value: object) -> bytes:
    """With another value at `path`."""
    content = plain(data)
    *way, last = path.split(".")
    inner: Any = content
    for word in way:
        inner = inner[int(word)] if isinstance(inner, list) else inner[word]
    inner[last] = value
    return json.dumps(content).encode()


def taken(watched: PartitionScenes, *payloads: bytes, key: SceneKey = KEY) -> list[str]:
    return [said.kind for payload in payloads for said in watched.take(payload, key, 1, 0.0)]


def encoded(messages: list[Detections]) -> list[bytes]:
    return [detections_event(one).model_dump_json().encode() for one in messages]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.frame.width", 0),
        ("data.frame.height", -720),
        ("data.frame.width", 10**400),
        ("data.frame.epoch", 2**63),
        ("data.frame.seq", -1),
        ("data.frame.captured_at", "0001-01-01T00:00:00Z"),
        ("data.frame.captured_at", "9999-12-31T23:59:59Z"),
        ("data.frame.arrived_at", "9999-12-31T23:59:59Z"),
        ("data.frame.captured_at", "2026-11-22T08:00:00"),
        ("data.detections", [{"label": "person", "confidence": float("nan"), "bbox": [0.1, 0.1, 0.1, 0.1]}]),
        ("data.detections", [{"label": "person", "confidence": 0.9, "bbox": [float("nan")] * 4}]),
        ("data.camera", "*"),
        ("data.camera", "yard"),
        ("data.pipeline", "cars"),
        ("data.site", "elsewhere"),
    ],
)
def test_a_message_that_cannot_be_is_left_out_and_the_objects_go_on(path: str, value: object) -> None:
    watched = scenes()
    said = taken(watched, *encoded(walking(0, 4)), changed(walking(4, 1)[0], path, value), *encoded(walking(5, 3)))
    assert said == ["object.new"]
    assert len(watched) == 1


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"data": {}}'])
def test_what_is_no_message_is_left_out(payload: bytes) -> None:
    watched = scenes()
    assert taken(watched, payload) == []
    assert len(watched) == 0


@pytest.mark.parametrize("camera", ["Gate", "a b", "ä", "$x", "x" * 64])
def test_a_subject_that_names_no_camera_of_ours_is_left_out(camera: str) -> None:
    data = walking(0, 1)[0].model_copy(update={"camera": camera})
    with pytest.raises(Refused, match="of another camera"):
        admitted(detections_event(data).model_dump_json().encode(), SceneKey("plant", camera, "people"), Counter())


def test_unknown_fields_are_no_harm_and_an_id_is_made_anew() -> None:
    odd = changed(walking(0, 1)[0], "data.frame.new_in_version_2", {"a": [1]})
    content = json.loads(odd) | {"id": "x\r\nNats-Msg-Id: y", "extension": 1}
    event = admitted(json.dumps(content).encode(), KEY, Counter())
    assert event.id == "plant/gate/people/1-0"


def impossible() -> list[Detection]:
    return [
        found((0.5, 0.5, 1e-300, 1e-300)),
        found((0.5, 0.5, 5e-324, 1.0)),
        found((0.5, 0.5, 0.0, 0.1)),
        found((0.5, 0.5, 0.1, 0.1), "x" * 500_000),
    ]


def test_boxes_without_a_size_and_endless_labels_are_left_out_and_counted() -> None:
    counts: Counter[str] = Counter()
    payload = encoded([message(0, 0.0, [*impossible(), at(0.3, 0.5)])])[0]
    assert len(admitted(payload, KEY, counts).data.detections) == 1
    assert counts["impossible"] == 4


def test_attributes_that_nobody_could_store_or_read_are_left_out() -> None:
    walker = found((0.3, 0.3, 0.1, 0.2), name="ada", similarity=0.5, long="x" * 129, odd=0.25)
    payload = encoded([message(0, 0.0, [walker])])[0].replace(b'"odd":0.25', b'"odd":NaN')
    assert b"NaN" in payload
    assert admitted(payload, KEY, Counter()).data.detections[0].attributes == {"name": "ada", "similarity": 0.5}
    many = found((0.3, 0.3, 0.1, 0.2)).model_copy(update={"attributes": {f"a{n}": 1.0 for n in range(1000)}})
    assert len(admitted(encoded([message(0, 0.0, [many])])[0], KEY, Counter()).data.detections[0].attributes) == 32


def test_of_a_hundred_thousand_detections_the_most_confident_are_looked_at() -> None:
    crowd = [found((0.3, 0.3, 0.1, 0.1), confidence=0.3 + 0.5 * (n % 1000) / 1000) for n in range(100_000)]
    counts: Counter[str] = Counter()
    kept = admitted(encoded([message(0, 0.0, crowd)])[0], KEY, counts).data.detections
    assert len(kept) == MOST_DETECTIONS
    assert counts["crowded"] == 100_000 - MOST_DETECTIONS
    assert min(one.confidence for one in kept) > 0.79


def test_a_crowd_in_one_place_is_matched_without_holding_up_the_other_cameras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gains = {
        (row, column): 0.1 + (row * 7919 + column * 104729) % 1000 / 2000 for row in range(200) for column in range(300)
    }
    monkeypatch.delattr("events.tracking.assignment._hungarian")  # seconds for a frame
    matched = assign(gains)
    assert len({column for _, column in matched}) == len(matched) == 200
    assert all(one[0] < other[0] for one, other in pairwise(matched))


def test_one_forged_epoch_does_not_end_a_camera_for_good() -> None:
    watched = scene()
    forged = message(2**62, 2.0, epoch=2**62)
    events = shown(watched, [*walking(0, 4), forged, *walking(5, 300)])
    assert watched.counts["late"] == 250
    assert watched.order == (1, 304)
    assert kinds(events).count("object.new") >= 2


def test_messages_of_a_time_that_was_looked_at_are_late_however_many() -> None:
    watched = scene()
    shown(watched, walking(0, 400)[:1] + [message(n, n / 2, epoch=2) for n in range(1000)])
    assert shown(watched, [message(n, n / 4) for n in range(1, 1000)]) == []
    assert watched.order == (2, 999)


@pytest.mark.parametrize(
    "measures",
    [(float("nan"), 5.0, "0" * 16), (100.0, 1e308, "0" * 16), (100.0, 5.0, "f" * 10_000), (-1.0, 5.0, "0x_f")],
)
def test_measures_that_are_none_are_not_learned(measures: tuple[float, float, str]) -> None:
    watched = scene()
    luminance, sharpness, bits = measures
    measured = Input(verdict="ok", luminance=luminance, sharpness=sharpness, hash=bits)
    assert shown(watched, [message(n, 5.0 * n, measured=measured) for n in range(50)]) == []
    assert watched.state()["picture"]["learned"] == 0
    json.loads(json.dumps(watched.state(), allow_nan=False))


def test_cameras_of_a_partition_are_bounded() -> None:
    watched = scenes()
    first = walking(0, 1)[0]
    for number in range(MOST_SCENES + 3):
        data = first.model_copy(update={"camera": f"cam-{number}"})
        taken(watched, *encoded([data]), key=SceneKey.of(data))
    assert len(watched) == MOST_SCENES
    left_out = REGISTRY.get_sample_value("vedette_events_left_out_total", {"reason": "cameras"})
    assert left_out is not None and left_out >= 3


def test_a_scene_that_could_not_be_saved_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.scenes.partition_scenes.MOST_STATE_BYTES", 1000)
    assert MOST_STATE_BYTES > 1000
    watched = scenes()
    taken(watched, *encoded(walking(0, 5)))
    assert watched.unsaved() == {KEY}
    assert watched.dumped(KEY) is None
    assert len(watched) == 0
