"""The OpenAPI 3.1 description of the control API; the settings of a camera come from their classes."""

from importlib.metadata import version
from typing import Any

from gateway.console.openapi import paths as console_paths
from vedette.config.camera_settings import Camera
from vedette.debug.openapi import paths as debug_paths
from vedette.messages import Status
from vedette.snapshots.record import SnapshotRecord

_REF = "#/components/schemas/{model}"
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "The camera."}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The ETag that the camera must still have.",
}
_READ_ONLY: dict[str, Any] = {
    "revision": {"type": "integer", "description": "Of the camera in the KV bucket; its ETag."},
    "origin": {"enum": ["file", "api"], "description": "Whether a configuration file has brought it."},
    "refused": {"type": "string", "description": "Why its latest change was not taken by this gateway."},
    "status": {"$ref": _REF.format(model="Status"), "description": "What it said of itself in the last 30 s."},
}

_SNAPSHOT_FILTERS = {
    "camera": "Of this camera.",
    "from": "Captured at this time (RFC 3339, with its zone) or later.",
    "to": "Captured before this time.",
    "label": "Of objects with this label.",
    "person": "Of somebody who was recognised.",
    "object": "Of this object.",
}


def document() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vedette gateway",
            "version": version("vedette"),
            "description": "The desired cameras of a site, and its snapshots. Passwords are masked in every answer.",
        },
        "paths": {
            "/api/v1/openapi.json": {"get": _operation("This description.", {"200": {"description": "It."}})},
            "/api/v1/cameras": {
                "get": _operation("All cameras.", {"200": _answer("All.", _list())}),
                "post": _operation("Add a camera.", {"201": _camera("Added.")}, _body("Camera"), problems=(409, 422)),
            },
            "/api/v1/cameras/{name}": {
                "parameters": [_NAME],
                "get": _operation("One camera.", {"200": _camera("It.")}, problems=(404,)),
                "put": _change("Set all settings of a camera, or add it.", _body("Camera"), created=True),
                "patch": _change(
                    "Change some settings (RFC 7396); null takes one back to its default.",
                    _body("CameraPatch", "application/merge-patch+json"),
                ),
                "delete": {
                    **_operation("Remove a camera.", {"204": {"description": "Removed."}}, problems=(404, 409, 412)),
                    "parameters": [_IF_MATCH],
                },
            },
            "/api/v1/cameras:test": {
                "post": _operation(
                    "Say what a stream is, or why it can't be read.",
                    {"200": _answer("What was found.", {"$ref": _REF.format(model="Found")})},
                    _body("Test"),
                    problems=(422, 429),
                )
            },
            **_snapshots(),
            **console_paths(),
            **debug_paths(),
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "gateway.api_token, or a token of gateway.accounts",
                }
            },
        },
        "security": [{"token": []}, {}],
    }


def _snapshots() -> dict[str, Any]:
    page = {
        "snapshots": {"type": "array", "items": {"$ref": _REF.format(model="Snapshot")}},
        "next": {"type": "string"},
    }
    listed = {"type": "object", "properties": page, "required": ["snapshots"]}
    deleted = {"type": "object", "properties": {"deleted": {"type": "integer"}}, "required": ["deleted"]}
    jpeg = {"description": "The JPEG; its ETag is its sha256.", "content": {"image/jpeg": {}}}
    unchanged = {"description": "It is what If-None-Match names."}
    return {
        "/api/v1/snapshots": {
            "parameters": [_word(name, text) for name, text in _SNAPSHOT_FILTERS.items()],
            "get": {
                **_operation(
                    "Pictures that events name, the latest captures first.",
                    {"200": _answer("A page.", listed)},
                    None,
                    (422,),
                ),
                "parameters": [_word("limit", "1 to 1000 at once; default 100."), _word("begin", "A page's `next`.")],
            },
            "delete": _operation(
                "Delete pictures: one filter at least. A picture of several objects goes with any of them.",
                {"200": _answer("How many there were.", deleted)},
                problems=(422,),
            ),
        },
        "/api/v1/snapshots/{sha256}": {
            "parameters": [{**_NAME, "name": "sha256", "description": "As an event's `snapshot` names it."}],
            "get": _operation("One picture.", {"200": jpeg, "304": unchanged}, problems=(404,)),
        },
    }


def _word(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}


def _schemas() -> dict[str, Any]:
    camera, status = _schema(Camera), _schema(Status)
    snapshot = SnapshotRecord.model_json_schema(ref_template=_REF, mode="serialization")
    snapshot["properties"].pop("site")
    shared = {**camera.pop("$defs", {}), **status.pop("$defs", {})}
    read_only = {key: {**schema, "readOnly": True} for key, schema in _READ_ONLY.items()}
    settings = {"name": {"type": "string"}, **camera["properties"], **read_only}
    pipeline = settings["pipeline"]
    settings["pipeline"] = {
        "description": pipeline["description"],
        "anyOf": [_list_of(pipeline["items"]), pipeline["items"]],
    }
    camera["properties"] = settings
    patch = {key: value for key, value in camera.items() if key != "required"}
    test = {
        "url": {"type": "string"},
        "transport": settings["transport"],
        "verify": {"type": "boolean", "default": True, "description": "false: any certificate is believed."},
    }
    picture = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/jpeg"}
    found = {"ok": {"type": "boolean"}, "reason": {"type": "string"}, "detail": {"type": "string"}, "picture": picture}
    problem = {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}
    wrong = {"type": "object", "properties": {"key": {"type": "string"}, "detail": {"type": "string"}}}
    return {
        **shared,
        "Camera": camera,
        "Snapshot": {**snapshot, "required": [one for one in snapshot["required"] if one != "site"]},
        "CameraPatch": {**patch, "title": "CameraPatch"},
        "Status": status,
        "Test": {"type": "object", "properties": test, "required": ["url"], "additionalProperties": False},
        "Found": {"type": "object", "properties": found, "required": ["ok"]},
        "Problem": {"type": "object", "properties": {**problem, "errors": {"type": "array", "items": wrong}}},
    }


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


def _schema(model: type[Camera] | type[Status]) -> dict[str, Any]:
    return model.model_json_schema(ref_template=_REF, mode="validation")


def _operation(
    summary: str, answers: dict[str, Any], body: dict[str, Any] | None = None, problems: tuple[int, ...] = ()
) -> dict[str, Any]:
    wrong = {str(status): _problem() for status in (*problems, 401, 403, 503)}
    return {"summary": summary, "responses": {**answers, **wrong}, **({"requestBody": body} if body else {})}


def _change(summary: str, body: dict[str, Any], created: bool = False) -> dict[str, Any]:
    answers = {"200": _camera("Changed."), **({"201": _camera("Added.")} if created else {})}
    problems = (412, 422) if created else (404, 409, 412, 422)
    return {**_operation(summary, answers, body, problems), "parameters": [_IF_MATCH]}


def _camera(description: str) -> dict[str, Any]:
    answer = _answer(description, {"$ref": _REF.format(model="Camera")})
    return {**answer, "headers": {"ETag": {"schema": {"type": "string"}, "description": "Its revision."}}}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem() -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": "What is wrong (RFC 9457).", "content": {"application/problem+json": {"schema": schema}}}


def _body(schema: str, content: str = "application/json") -> dict[str, Any]:
    return {"required": True, "content": {content: {"schema": {"$ref": _REF.format(model=schema)}}}}


def _list() -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": _REF.format(model="Camera")}}
    return {"type": "object", "properties": {"cameras": items}, "required": ["cameras"]}
