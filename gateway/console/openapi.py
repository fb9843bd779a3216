"""What the OpenAPI description of the gateway says of the console's own endpoints. Pure."""

from typing import Any

from vedette.object_messages import SCENE_EVENTS


def _operation(
    summary: str, refusals: tuple[int, ...], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    problem = {"description": "What is wrong (RFC 9457).", "content": {"application/problem+json": {}}}
    answers = {"200": {"description": "It.", "content": {"application/json": {"schema": {"type": "object"}}}}}
    wrong = {str(status): problem for status in refusals}
    return {"summary": summary, "responses": {**answers, **wrong}, **({"parameters": parameters} if parameters else {})}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_FILTERS = [
    _query("camera", "Only of this camera.", {"type": "string"}),
    _query("kind", "Only of this kind.", {"enum": list(SCENE_EVENTS)}),
    _query("label", "Only of objects with this label; of the last 2000 that fit otherwise.", {"type": "string"}),
    _query("before", "Only those before this `seq` of an answer.", {"type": "integer"}),
    _query("limit", "At most so many, up to 500.", {"type": "integer", "default": 100}),
]
_CREDENTIALS = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "password": {"type": "string"}},
                "required": ["password"],
            }
        }
    },
}


def paths() -> dict[str, Any]:
    """By path."""
    return {
        "/api/v1/session": {
            "get": _operation("Who asks, and whether they have to sign in.", (403,)),
            "post": {**_operation("Sign in.", (401, 422, 429)), "requestBody": _CREDENTIALS},
            "delete": _operation("Sign out.", (401, 403)),
        },
        "/api/v1/live": {
            "get": {
                "summary": "The WebSocket of the console (docs/console.md).",
                "responses": {"101": {"description": "Connected."}, "401": {"description": "Nobody has signed in."}},
            }
        },
        "/api/v1/events": {"get": _operation("Events, newest first.", (400, 401, 403, 503), _FILTERS)},
        "/api/v1/models": {"get": _operation("Models, versions, and what a picture takes now.", (401, 403, 503))},
        "/api/v1/pipelines": {"get": _operation("What a camera may be for.", (401, 403))},
        "/api/v1/identities": {"get": _operation("Who is enrolled; for operators.", (401, 403, 409, 503))},
    }
