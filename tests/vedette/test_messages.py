"""Events survive their way over the bus, and readers are lenient where the contract says so."""

import datetime as dt
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from tests.vedette.samples import NOON, detections, encoded, moments, status
from vedette import schema_files
from vedette.errors import MalformedMessage
from vedette.event_parser import UnknownData, parse_event
from vedette.messages import (
    Detection,
    Detections,
    FrameRef,
    Model,
    Served,
    Status,
    detections_event,
    rfc3339,
)

ids = some.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
texts = some.text(max_size=20)
fractions = some.floats(0, 1)
counts = some.integers(0, 2**53)
frames = some.builds(
    FrameRef,
    epoch=counts,
    seq=counts,
    pts=some.none() | some.floats(0, 1e9),
    captured_at=moments,
    arrived_at=moments,
    clock=texts,
    width=counts,
    height=counts,
    gate=texts,
    picture=some.none() | counts,
)
attributes = some.dictionaries(texts, texts | some.booleans() | some.floats(allow_nan=False, allow_infinity=False))
objects = some.builds(
    Detection, label=texts, confidence=fractions, bbox=some.tuples(*[fractions] * 4), attributes=attributes
)
every_detections = some.builds(
    Detections,
    site=ids,
    camera=ids,
    pipeline=ids,
    frame=frames,
    model=some.builds(Model, name=ids, version=texts, digest=texts),
    detections=some.lists(objects, max_size=3).map(tuple),
    incomplete=some.lists(texts, max_size=2).map(tuple),
    timing=some.none(),
    error=some.none() | texts,
)


@given(every_detections)
def test_any_detections_event_is_the_same_after_its_way_over_the_bus(data: Detections) -> None:
    event = detections_event(data)
    assert parse_event(encoded(event)) == event


def test_a_status_event_is_the_same_after_its_way_over_the_bus() -> None:
    assert parse_event(encoded(status())) == status()


def test_the_id_names_site_camera_pipeline_epoch_and_seq() -> None:
    event = detections(seq=1844, epoch=4711)
    assert event.id == "plant-1/gate/people/4711-1844"
    assert (event.source, event.subject, event.time) == ("/vedette/plant-1/gate", "gate", NOON)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    assert rfc3339(NOON.astimezone(tokyo)) == "2026-11-22T12:00:00.482Z"
    assert json.loads(encoded(detections()))["data"]["frame"]["captured_at"] == "2026-11-22T12:00:00.482Z"


def test_times_are_rounded_to_the_nearest_millisecond() -> None:
    assert rfc3339(NOON + dt.timedelta(microseconds=499)) == "2026-11-22T12:00:00.482Z"
    assert rfc3339(NOON + dt.timedelta(microseconds=500)) == "2026-11-22T12:00:00.483Z"


def test_a_time_without_a_zone_is_no_time() -> None:
    with pytest.raises(ValidationError):
        Status(site="a", camera="b", state="live", since=dt.datetime(2026, 1, 1), gateway="g")  # noqa: DTZ001


def changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(encoded(detections())) | changes).encode()


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    content = json.loads(encoded(detections()))
    content["tracestate"] = content["data"]["weather"] = content["data"]["frame"]["iso"] = "x"
    assert parse_event(json.dumps(content).encode()) == detections()


def test_a_new_enum_value_is_accepted() -> None:
    event = parse_event(encoded(status("hibernating")))
    assert isinstance(event.data, Status)
    assert event.data.state == "hibernating"


@pytest.mark.parametrize("kind", ["dev.vedette.detections.v2", "dev.vedette.object.new.v2", "org.example"])
def test_an_unknown_type_comes_with_the_fields_it_has(kind: str) -> None:
    event = parse_event(changed(type=kind, data={"object": {"id": "01JD"}}))
    assert isinstance(event.data, UnknownData)
    assert event.type == kind
    assert event.data.model_extra == {"object": {"id": "01JD"}}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xd8\xff\xe0",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"[" * 100_000,
        changed(specversion="0.3"),
        changed(type=5),
        changed(type=["a"]),
        changed(data=None),
        changed(data={}),
        changed(time="yesterday"),
        changed(time="2026-11-22T12:00:00"),
    ],
)
def test_what_is_no_event_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_event(payload)


@given(some.binary(max_size=200))
def test_no_bytes_raise_anything_else(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_event(payload)


def test_the_committed_schemas_are_those_of_the_classes() -> None:
    assert schema_files.stale() == []


def test_a_stale_missing_or_surplus_schema_is_named(tmp_path: Any, capsys: Any, monkeypatch: Any) -> None:
    schema_files.write(tmp_path)
    assert schema_files.stale(tmp_path) == []
    (tmp_path / "status.v1.json").write_text("{}")
    (tmp_path / "served.v1.json").unlink()
    (tmp_path / "old.v0.json").write_text("{}")
    names = ["old.v0.json", "served.v1.json", "status.v1.json"]
    assert [file.name for file in schema_files.stale(tmp_path)] == names
    monkeypatch.setattr(schema_files, "stale", lambda: [tmp_path / "status.v1.json"])
    assert schema_files.main(["--check"]) == 1
    assert "status.v1.json is stale" in capsys.readouterr().err


def test_real_messages_are_valid_by_their_schemas() -> None:
    schemas = schema_files.schemas()
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(encoded(detections())), schemas["detections.v1.json"])
    jsonschema.validate(json.loads(encoded(status())), schemas["status.v1.json"])
    served = Served(epoch=1, seq=2, outcome="inferred").model_dump_json()
    jsonschema.validate(json.loads(served), schemas["served.v1.json"])


@pytest.mark.parametrize("change", [{"type": "dev.vedette.status.v1"}, {"data": {}}, {"id": 5}, {"specversion": "2.0"}])
def test_a_wrong_message_is_not_valid_by_its_schema(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(changed(**change)), schema_files.schemas()["detections.v1.json"])


def test_schemas_describe_their_fields() -> None:
    frame = schema_files.schemas()["detections.v1.json"]["$defs"]["FrameRef"]
    assert frame["properties"]["seq"]["description"] == "Counts from 0 within the epoch."
