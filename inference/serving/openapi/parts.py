"""What the paths are made of."""

from collections.abc import Iterable, Mapping
from typing import Any

Part = dict[str, Any]

_REASONS: Mapping[int, str] = {
    400: "The request can't be served as it is.",
    401: "A token is needed.",
    403: "Not for this client.",
    404: "There is no such model or version.",
    406: "Nothing that is accepted can be had; `media_types` lists what can.",
    408: "The body came too slowly.",
    409: "Somebody else was faster.",
    412: "It is not at the revision of If-Match.",
    413: "Over a limit of size.",
    415: "Neither JPEG, PNG nor WebP.",
    422: "The input guard rejects the picture; `input` says why.",
    500: "The model gave no result.",
    503: "Overloaded, or not ready: come back after Retry-After seconds.",
    504: "The deadline passed.",
}


def ref(schema: str) -> Part:
    """One of the document's schemas."""
    return {"$ref": f"#/components/schemas/{schema}"}


def answer(description: str, schema: Part | None = None, media_type: str = "application/json") -> Part:
    """A response."""
    return (
        {"description": description}
        if schema is None
        else {
            "description": description,
            "content": {media_type: {"schema": schema}},
        }
    )


def operation(
    name: str,
    summary: str,
    tag: str,
    answers: Mapping[str, Part],
    *,
    problems: Iterable[int] = (),
    parameters: Iterable[Part] = (),
    body: Part | None = None,
    is_open: bool = False,
) -> Part:
    """One method of a path."""
    codes = [*problems, *(() if is_open else (401, 403))]
    wrong = {str(code): {"$ref": f"#/components/responses/Problem{code}"} for code in sorted({*codes})}
    found: Part = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "responses": {**answers, **wrong},
    }
    if listed := list(parameters):
        found["parameters"] = listed
    if body is not None:
        found["requestBody"] = body
    if is_open:
        found["security"] = [{}]
    return found


def problems() -> Part:
    """The document's responses to what is wrong."""
    schema = ref("Problem")
    made = {}
    for code, why in _REASONS.items():
        made[f"Problem{code}"] = answer(why, schema, "application/problem+json")
    retry = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    made["Problem503"]["headers"] = retry
    return made


def in_path(name: str, description: str) -> Part:
    """A part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


def in_query(name: str, schema: Part, description: str) -> Part:
    """A key of the query."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def in_header(name: str, schema: Part, description: str) -> Part:
    """A header."""
    return {"name": name, "in": "header", "schema": schema, "description": description}


def json_body(schema: Part, required: bool = True) -> Part:
    """A request's body."""
    return {"required": required, "content": {"application/json": {"schema": schema}}}


MODEL = in_path("model", "The model.")
VERSION = in_path("version", "A version that is loaded: `1.0.0`.")
