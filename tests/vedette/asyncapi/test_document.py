"""The AsyncAPI document: valid, fresh, and true of the messages that there are."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from events.sinks.signature import webhook_headers
from tests.events.sinks.published import covered, entered
from tests.vedette.samples import detections, status
from vedette.asyncapi.__main__ import FILE, main
from vedette.subjects import event as event_subject

OFFICIAL = Path(__file__).parent / "asyncapi-3.0.0.json"
"""Of the npm package @asyncapi/specs 6.11.1 (NOTICE): `schemas/3.0.0-without-$id.json` without its white space."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def resolved(described: dict[str, Any], reference: str) -> Any:
    found: Any = described
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for item in part for found in references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [found for value in part.values() for found in references(value)]


def validator(described: dict[str, Any], schema: Any) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator({**schema, "components": described["components"]})


def test_the_committed_document_is_that_of_the_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert main(["--check"], tmp_path / "missing.json") == 1
    assert "is stale: run python -m vedette.asyncapi" in capsys.readouterr().err
    assert main([], tmp_path / "new" / "vedette.json") == 0
    assert (tmp_path / "new" / "vedette.json").read_bytes() == FILE.read_bytes()


def test_it_is_valid_asyncapi_by_the_official_schema(described: dict[str, Any]) -> None:
    official = jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    assert [f"{error.json_path}: {error.message}" for error in official.iter_errors(described)] == []
    broken = {**described, "channels": {"x": {"adress": "y"}}}
    assert not official.is_valid(broken)


def test_every_reference_leads_somewhere_and_all_parts_are_used(described: dict[str, Any]) -> None:
    there = references(described)
    for reference in there:
        assert resolved(described, reference) is not None
    for group in ("messages", "schemas"):
        for name in described["components"][group]:
            assert f"#/components/{group}/{name}" in there, name
    assert {f"#/channels/{name}" for name in described["channels"]} <= set(there)


def test_the_messages_are_as_the_document_says(described: dict[str, Any]) -> None:
    samples: dict[str, BaseModel] = {
        "detections": detections(),
        "status": status(),
        "zoneEnter": entered(1),
        "inputChange": covered(),
    }
    for name, sample in samples.items():
        message = json.loads(sample.model_dump_json(exclude_none=True))
        checked = validator(described, described["components"]["messages"][name]["payload"])
        assert [error.message for error in checked.iter_errors(message)] == []
        assert not checked.is_valid({**message, "type": "dev.vedette.other.v1"})
        assert not checked.is_valid({**message, "time": 4})


def test_a_box_has_four_numbers_in_the_older_dialect_too(described: dict[str, Any]) -> None:
    message = json.loads(entered(1).model_dump_json(exclude_none=True))
    message["data"]["object"]["bbox"] = [0.1, "wide", 0.1, 0.1]
    assert not validator(described, described["components"]["messages"]["zoneEnter"]["payload"]).is_valid(message)


def test_the_channels_are_the_subjects(described: dict[str, Any]) -> None:
    addresses = {channel["address"] for channel in described["channels"].values()}
    assert event_subject("{site}", "{camera}", "line.cross") in addresses
    assert "vedette/events/{site}/{camera}/{noun}/{verb}" in addresses
    assert "vedette.dead.{site}.{sink}" in addresses


def test_webhooks_have_the_headers_that_are_described(described: dict[str, Any]) -> None:
    headers = webhook_headers("a/1", 1.0, b"{}", [b"key"])
    schema = described["components"]["schemas"]["WebhookHeaders"]
    assert validator(described, schema).is_valid(headers)
    assert set(schema["properties"]) == set(headers)
