"""What an earlier version wrote is read by today's classes, and the other way round."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from inference.cascade.question import Question
from inference.rollout.record import Record
from tests.compatibility import today
from vedette.buckets import MEMBERS
from vedette.bus.connection import Bus
from vedette.cameras import record as camera_record
from vedette.cameras.record import CameraRecord
from vedette.event_parser import UnknownData, parse_event
from vedette.fleet.members import live_members
from vedette.frames import FrameHeaders
from vedette.messages import Hint, Message, Served
from vedette.schema_files import FOLDER as SCHEMAS
from vedette.secrets.sealing import Sealer
from vedette.snapshots.record import SnapshotRecord

WRITTEN = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(today.FOLDER.glob("*.json"))}
NOTES: dict[str, type[Message]] = {"served.v1": Served, "hint.v1": Hint}
ENUMS = {"state", "clock", "gate", "verdict", "reason", "reasons", "changed", "conditions", "previous", "outcome"}
ENUMS |= {"decode", "view_known", "direction"}
"""Fields whose values a later version may add to."""
EVENTS = [(version, name) for version, all_of_it in WRITTEN.items() for name in all_of_it["events"]]
VERSIONS = sorted(WRITTEN)


def read(payload: Any, name: str) -> Message:
    text = json.dumps(payload).encode()
    return NOTES[name].model_validate_json(text) if name in NOTES else parse_event(text)


def said(message: Message) -> Any:
    return json.loads(message.model_dump_json())


def all_said(version: str) -> Iterator[tuple[str, Any]]:
    yield from WRITTEN[version]["events"].items()
    yield from WRITTEN[version]["notes"].items()


def faults(payload: Any, schema: dict[str, Any]) -> list[str]:
    """What the schema finds wrong."""
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    return [error.message for error in validator(schema).iter_errors(payload)]


def assert_has(whole: Any, part: Any, where: str) -> None:
    """Everything in `part` is in `whole`, as it is there."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert key in whole, f"{where}.{key} is gone"
            assert_has(whole[key], value, f"{where}.{key}")
    else:
        assert whole == part, where


def with_news(value: Any) -> Any:
    """`value` with a field that nobody knows in each of its objects, but in those that may have any."""
    if isinstance(value, dict):
        known = {key: item if key == "attributes" else with_news(item) for key, item in value.items()}
        return known | {"of_a_later_version": {"any": ["thing"]}}
    return [with_news(item) for item in value] if isinstance(value, list) else value


def with_new_values(value: Any, is_enum: bool = False) -> Any:
    """`value` with words that nobody knows where a later version may have others."""
    if isinstance(value, dict):
        return {key: with_new_values(item, key in ENUMS) for key, item in value.items()}
    if isinstance(value, list):
        return [with_new_values(item, is_enum) for item in value]
    return "of-a-later-version" if is_enum and isinstance(value, str) else value


@pytest.mark.parametrize("version", VERSIONS)
def test_no_message_of_a_version_is_gone(version: str) -> None:
    samples = {name for name, _ in all_said(version)}
    assert samples == WRITTEN[version]["schemas"].keys()
    assert samples <= {file.stem for file in SCHEMAS.glob("*.json")}
    assert samples <= {*today.events(), *today.notes()}


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_a_version_said_is_understood(version: str) -> None:
    for name, payload in all_said(version):
        message = read(payload, name)
        assert not isinstance(getattr(message, "data", None), UnknownData), name
        assert_has(said(message), payload, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_fields_anywhere_in_any_message_are_ignored(version: str) -> None:
    for name, payload in all_said(version):
        assert read(with_news(payload), name) == read(payload, name), name


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_values_of_an_enumeration_are_accepted(version: str) -> None:
    for name, payload in all_said(version):
        changed = with_new_values(payload)
        assert_has(said(read(changed, name)), changed, name)
    assert with_new_values(payload) != payload or name == "hint.v1"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_said_is_valid_by_todays_committed_schemas(version: str) -> None:
    for name, payload in all_said(version):
        assert faults(payload, json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))) == [], name


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_said_today_is_valid_by_that_versions_schemas(version: str) -> None:
    said_today = today.events() | today.notes()
    for name, schema in WRITTEN[version]["schemas"].items():
        assert faults(said_today[name], schema) == [], name
        assert faults(with_news(said_today[name]), schema) == [], name


def test_a_field_that_went_away_would_be_noticed() -> None:
    """The test of the test: a message without what an earlier version demands."""
    name = "detections.v1"
    message = today.events()[name]
    del message["data"]["frame"]["seq"]
    assert faults(message, WRITTEN[VERSIONS[0]]["schemas"][name]) == ["'seq' is a required property"]
    with pytest.raises(AssertionError, match="seq is gone"):
        assert_has(message, today.events()[name], name)


@pytest.mark.parametrize("version", VERSIONS)
def test_frames_and_crops_of_a_version_are_understood_with_any_header_more(version: str) -> None:
    headers = WRITTEN[version]["headers"]
    more = {"Vedette-Of-A-Later-Version": "1"}
    assert FrameHeaders.decode(headers["frame"] | more).encode() == headers["frame"]
    assert Question.decode(today.question().subject, headers["crop"] | more) == today.question()


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_a_version_are_understood(version: str) -> None:
    records = WRITTEN[version]["records"]
    camera = camera_record.decode(json.dumps(records["camera"]).encode(), today.CAMERA_KEY, 1, Sealer(today.KEY))
    assert isinstance(camera, CameraRecord)
    assert camera.camera == today.camera().camera
    assert_has(said_record(records["rollout"]), records["rollout"], "roll-out")
    snapshot = SnapshotRecord.model_validate(records["snapshot"] | {"later": 1})
    assert_has(json.loads(snapshot.model_dump_json()), records["snapshot"], "snapshot")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_process_of_a_version_is_a_member_for_todays(bus: Bus, version: str) -> None:
    member = WRITTEN[version]["records"]["member"]
    key = f"{member['site']}.{member['name']}"
    await (await bus.bucket(MEMBERS)).put(key, json.dumps(member | {"later": 1}).encode())
    (seen,) = await live_members(bus, member["site"])
    assert_has({name: getattr(seen, name) for name in member}, member, "member")


def said_record(rollout: Any) -> Any:
    return json.loads(Record.decode(json.dumps(rollout | {"later": 1}).encode()).encode())
