"""What bodies are, by name."""

from typing import Any

from inference.rollout.settings import Rollout
from inference.serving.openapi.parts import Part, ref
from inference.serving.v2.datatypes import NAMES
from vedette.messages import Input

_TEXT: Part = {"type": "string"}
_INTEGER: Part = {"type": "integer"}
_NUMBER: Part = {"type": "number"}
_FRACTION: Part = {"type": "number", "minimum": 0, "maximum": 1}
_PARAMETERS: Part = {"type": "object", "additionalProperties": True}


def schemas() -> dict[str, Any]:
    """All of the document's."""
    return {
        **_vision(),
        **_v2(),
        **_identities(),
        "Rollout": Rollout.model_json_schema(),
        "RolloutState": _object(
            {
                "model": _TEXT,
                "revision": _INTEGER,
                "source": {"enum": ["bucket", "card", "default"]},
                "rollout": {"type": "object", "additionalProperties": True},
                "previous": {"type": ["string", "null"]},
                "faults": _list(_TEXT),
                "replicas": _list({"type": "object", "additionalProperties": True}),
            }
        ),
        "Readiness": _object({"ready": {"type": "boolean"}, "missing": _list(_TEXT)}, ("ready",)),
        "Problem": _object(
            {
                "status": _INTEGER,
                "error": _TEXT,
                "detail": _TEXT,
                "input": ref("Input"),
                "versions": _list(_TEXT),
                "media_types": _list(_TEXT),
            },
            ("status", "error", "detail"),
        ),
    }


def _vision() -> dict[str, Any]:
    box = {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4}
    detection = {
        "label": _TEXT,
        "confidence": _FRACTION,
        "bbox": {**box, "description": "x, y, width, height of the picture, 0 to 1."},
        "pixels": {**box, "description": "The same in pixels, where it was asked for."},
        "landmarks": {"type": "object", "additionalProperties": {"type": "array", "items": _NUMBER}},
    }
    result = {
        "model": ref("Model"),
        "picture": _object({"width": _INTEGER, "height": _INTEGER}),
        "detections": {**_list(ref("Detection")), "description": "Of a detector."},
        "classes": {**_list(ref("Class")), "description": "Of a classifier, the likeliest first."},
        "embedding": {**_list(_NUMBER), "description": "Of a model that embeds: a vector of length 1."},
        "timing": ref("Timing"),
        "input": ref("Input"),
    }
    needed = ("picture", "timing")
    entry = {"index": _INTEGER, "name": _TEXT, **result}
    wrong = {"index": _INTEGER, "name": _TEXT, "model": ref("Model"), "status": _INTEGER, "error": _TEXT}
    picture = _object({"data": _TEXT, "url": _TEXT, "name": _TEXT}, ())
    return {
        "Model": _object({"name": _TEXT, "version": _TEXT, "digest": _TEXT}),
        "Detection": _object(detection, ("label", "confidence", "bbox")),
        "Class": _object({"label": _TEXT, "confidence": _NUMBER}),
        "Timing": _object({"prepare_ms": _NUMBER, "queue_ms": _NUMBER, "infer_ms": _NUMBER, "batch_size": _INTEGER}),
        "Input": Input.model_json_schema(),
        "Result": _object(result, ("model", *needed)),
        "Entry": _object(entry, ("index", *needed)),
        "BadEntry": _object({**wrong, "detail": _TEXT, "input": ref("Input")}, ("index", "status", "error")),
        "Results": _object({"model": ref("Model"), "results": _list({"anyOf": [ref("Entry"), ref("BadEntry")]})}),
        "Line": {"anyOf": [ref("Entry"), ref("BadEntry")]},
        "PicturesInJson": {
            "type": "object",
            "properties": {
                "image": {"type": "string", "description": "Base64."},
                "url": {"type": "string", "description": "http(s), of a host in `serving.urls`."},
                "images": {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, picture]}},
            },
            "description": "One of the three.",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        },
    }


def _identities() -> dict[str, Any]:
    moment = {"type": "string", "format": "date-time"}
    vector = _object({"dtype": _TEXT, "dimensions": _INTEGER, "data": _TEXT})
    face = _object({"enrolled_at": moment, "model": ref("Model"), "embedding": vector}, ("enrolled_at", "model"))
    person = {"gallery": _TEXT, "person": _TEXT, "revision": _INTEGER, "name": _TEXT, "faces": _list(face)}
    unreadable = {"refused": {**_TEXT, "description": "Why the record can't be read."}}
    needed = ("gallery", "person", "revision")
    return {
        "Galleries": _object({"galleries": _list(_object({"gallery": _TEXT, "people": _INTEGER}))}),
        "Person": _object({**person, **unreadable}, needed),
        "People": _object({"gallery": _TEXT, "people": _list(ref("Person"))}),
        "EnrolledPerson": _object({**person, "added": _INTEGER, "warnings": _list(_TEXT)}),
        "RemovedPerson": _object(
            {
                "name": {"type": ["string", "null"], "description": "null: the record could not be read."},
                "was_enrolled": {"type": "boolean"},
                "snapshots_deleted": _INTEGER,
            }
        ),
    }


def _v2() -> dict[str, Any]:
    names = sorted(set(NAMES.values()))
    shape = _list(_INTEGER)
    spec = _object({"name": _TEXT, "datatype": {"enum": names}, "shape": shape})
    tensor = {"name": _TEXT, "datatype": {"enum": names}, "shape": shape, "parameters": _PARAMETERS, "data": _list({})}
    output = _object({"name": _TEXT, "parameters": _PARAMETERS}, ("name",))
    return {
        "Server": _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)}),
        "Live": _object({"live": {"type": "boolean"}}),
        "Ready": _object({"ready": {"type": "boolean"}}),
        "ModelReady": _object({"name": _TEXT, "ready": {"type": "boolean"}}),
        "Metadata": _object(
            {
                "name": _TEXT,
                "versions": _list(_TEXT),
                "platform": _TEXT,
                "inputs": _list(spec),
                "outputs": _list(spec),
            }
        ),
        "Tensor": _object(tensor, ("name", "datatype", "shape")),
        "InferRequest": _object(
            {
                "id": _TEXT,
                "parameters": _PARAMETERS,
                "inputs": _list(ref("Tensor")),
                "outputs": _list(output),
            },
            ("inputs",),
        ),
        "InferAnswer": _object(
            {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": _list(ref("Tensor"))},
            ("model_name", "outputs"),
        ),
        "IndexEntry": _object({"name": _TEXT, "version": _TEXT, "state": _TEXT, "reason": _TEXT}),
        "VersionChange": _object({"parameters": _object({"version": _TEXT})}),
    }


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> Part:
    """All properties are required unless it is said which."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": properties, **({"required": needed} if needed else {})}


def _list(items: Part) -> Part:
    return {"type": "array", "items": items}
