"""The JSON Schemas of the messages, generated from their classes into `vedette/schemas/`.

python -m vedette.schema_files           writes them
python -m vedette.schema_files --check   exits with 1, naming the file, where one is stale
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from vedette.audit.message import AUDIT_TYPE, AuditEvent
from vedette.messages import (
    DETECTIONS_TYPE,
    SCHEMA_ROOT,
    STATUS_TYPE,
    DetectionsEvent,
    Hint,
    Message,
    Served,
    StatusEvent,
)
from vedette.object_messages import SCENE_EVENTS, event_type, schema_name

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each file, by its name."""
    return {
        "detections.v1.json": _event(DetectionsEvent, "detections.v1.json", DETECTIONS_TYPE),
        "status.v1.json": _event(StatusEvent, "status.v1.json", STATUS_TYPE),
        "audit.v1.json": _event(AuditEvent, "audit.v1.json", AUDIT_TYPE),
        "served.v1.json": _schema(Served, "served.v1.json"),
        "hint.v1.json": _schema(Hint, "hint.v1.json"),
        **{schema_name(kind): _event(of, schema_name(kind), event_type(kind)) for kind, of in SCENE_EVENTS.items()},
    }


def stale(folder: Path = FOLDER) -> list[Path]:
    """The files that are missing or not as the classes are; also those that no class has."""
    wanted = {folder / name: _text(schema) for name, schema in schemas().items()}
    differing = [file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text]
    return sorted({*differing, *(file for file in folder.glob("*.json") if file not in wanted)})


def write(folder: Path = FOLDER) -> None:
    """Write all files, and remove those that no class has."""
    folder.mkdir(exist_ok=True)
    for file in stale(folder):
        file.unlink(missing_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(_text(schema), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m vedette.schema_files", description="JSON Schemas of the messages.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is stale")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    found = stale()
    for file in found:
        sys.stderr.write(f"{file} is stale: run python -m vedette.schema_files\n")
    return 1 if found else 0


def _event(kind: type[Message], name: str, event_type: str) -> dict[str, Any]:
    schema = _schema(kind, name)
    schema["title"] = event_type
    schema["properties"]["type"] = {"const": event_type, "title": "Type", "type": "string"}
    schema["properties"]["dataschema"] = {"const": f"{SCHEMA_ROOT}{name}", "title": "Dataschema", "type": "string"}
    return schema


def _schema(kind: type[Message], name: str) -> dict[str, Any]:
    # Mode `validation`: a field with a default may be left out, and fields that are not named are allowed.
    schema = kind.model_json_schema(mode="validation")
    return {"$schema": _DIALECT, "$id": f"{SCHEMA_ROOT}{name}", **schema}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
