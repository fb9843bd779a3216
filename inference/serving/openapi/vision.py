"""`:detect`."""

from typing import Any

from inference.serving.openapi.parts import MODEL, VERSION, Part, in_query, operation, ref
from inference.serving.vision.rest import DEFAULT, DETECT, DETECT_VERSION

_BYTES: Part = {"type": "string", "format": "binary"}
"""As in OpenAPI 3.0, which is what generators of clients understand."""
_NUMBER: Part = {"type": "number"}
_FLAG: Part = {"type": "boolean"}
_PAIR: Part = {"type": "string", "pattern": r"^[0-9.]+[,x][0-9.]+$"}
_QUERY = (
    in_query("confidence", {"type": "number", "minimum": 0, "maximum": 1}, "Only what is at least as sure."),
    in_query("labels", {"type": "string"}, "Only these labels, with commas between them."),
    in_query("pixels", _FLAG, "Boxes in pixels too."),
    in_query("timeout", {"type": "number", "minimum": 0}, "Seconds in which the answer is of use."),
    in_query("priority", {"type": "integer", "minimum": 0}, "The lowest goes first; 0 is the usual one, 5."),
    in_query("pipeline", {"type": "string"}, "Labels, confidence and guard of this pipeline of the configuration."),
    in_query("min_size", _PAIR, "Guard: least width and height, `64x64`."),
    in_query("max_size", _PAIR, "Guard: most width and height."),
    in_query("aspect", _PAIR, "Guard: least and most of width / height, `1.3,1.8`."),
    in_query("luminance", _PAIR, "Guard: least and most of the mean luma, `10,245`."),
    in_query("sharpness", _NUMBER, "Guard: least variance of the Laplacian."),
    in_query("reject", {"type": "string"}, "Guard: reasons for 422, with commas; for others a picture is suspect."),
    in_query("infer_rejected", _FLAG, "Guard: rejected pictures are inferred all the same."),
    in_query("squeeze", _FLAG, "Guard: compare with the answers on squeezed copies."),
)
_ACCEPT = (
    "`Accept: application/x-ndjson` gives a line for each picture as its batch ends. "
    "`Accept: application/vnd.vedette.vision.v2.1+json` (or `+x-ndjson`) is answered by the newest 2.1.x that is "
    "loaded; `Content-Type` says which it was."
)


def paths() -> dict[str, Any]:
    """All three."""
    return {
        DETECT: {"parameters": [MODEL], "post": _detect("detect", "What the model says of one or several pictures.")},
        DETECT_VERSION: {
            "parameters": [MODEL, VERSION],
            "post": _detect("detectVersion", "The same of one version."),
        },
        DEFAULT: {"post": _detect("detectDefault", "The same of this process's model.")},
    }


def pictures_body() -> Part:
    """A request's body of one picture or several."""
    several: Part = {"type": "object", "properties": {"file": {"type": "array", "items": _BYTES}}, "required": ["file"]}
    return {
        "required": True,
        "description": "One JPEG, PNG or WebP as it is (`image/jpeg`, … will do as well: the bytes say what it is), or "
        "several as files of a form, or JSON.",
        "content": {
            "application/octet-stream": {"schema": _BYTES},
            "multipart/form-data": {"schema": several},
            "application/json": {"schema": ref("PicturesInJson")},
        },
    }


def _detect(name: str, summary: str) -> Part:
    found: Part = {
        "description": "Of one picture its result, of several a list in their order; one that is bad is an entry with "
        f"`status` and `error`, and the others are answered. {_ACCEPT}",
        "content": {
            "application/json": {"schema": {"anyOf": [ref("Result"), ref("Results")]}},
            "application/x-ndjson": {"schema": ref("Line")},
        },
    }
    problems = (400, 404, 406, 408, 413, 415, 422, 500, 503, 504)
    return operation(
        name, summary, "vision", {"200": found}, problems=problems, parameters=_QUERY, body=pictures_body()
    )
