"""Open Inference Protocol v2: what of it is JSON."""

from typing import Any

from inference.serving.openapi.parts import (
    MODEL,
    VERSION,
    Part,
    answer,
    in_header,
    json_body,
    operation,
    ref,
)

_INTEGER: Part = {"type": "integer", "minimum": 0}
_LENGTH = in_header(
    "Inference-Header-Content-Length", _INTEGER, "Where tensors follow in binary: the bytes of the JSON before them."
)
_TIMEOUT = in_header("Request-Timeout-Ms", _INTEGER, "How long the request may wait.")
_TAG = "Open Inference Protocol"


def paths() -> dict[str, Any]:
    """All of the protocol."""
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    return {
        "/v2": {"get": _get("server", "Name, version and extensions.", ref("Server"))},
        "/v2/health/live": {"get": _get("live", "Whether the process lives.", ref("Live"), is_open=True)},
        "/v2/health/ready": {"get": _get("ready", "Whether the model is ready.", ref("Ready"), (503,), is_open=True)},
        model: {"parameters": [MODEL], "get": _get("model", "Inputs and outputs.", ref("Metadata"), (404,))},
        version: {
            "parameters": [MODEL, VERSION],
            "get": _get("modelVersion", "Inputs and outputs.", ref("Metadata"), (404,)),
        },
        f"{model}/ready": {"parameters": [MODEL], "get": _ready("modelReady")},
        f"{version}/ready": {"parameters": [MODEL, VERSION], "get": _ready("modelVersionReady")},
        f"{model}/infer": {"parameters": [MODEL], "post": _infer("infer")},
        f"{version}/infer": {"parameters": [MODEL, VERSION], "post": _infer("inferVersion")},
        "/v2/repository/index": {
            "post": operation(
                "repositoryIndex",
                "The versions that the repository has, and how each is here.",
                _TAG,
                {"200": answer("All.", {"type": "array", "items": ref("IndexEntry")})},
                problems=(400,),
                body=json_body({"type": "object", "properties": {"ready": {"type": "boolean"}}}, required=False),
            )
        },
        "/v2/repository/models/{model}/load": {"parameters": [MODEL], "post": _change("repositoryLoad", "Load")},
        "/v2/repository/models/{model}/unload": {
            "parameters": [MODEL],
            "post": _change("repositoryUnload", "Let go of"),
        },
    }


def _get(name: str, summary: str, schema: Part, problems: tuple[int, ...] = (), is_open: bool = False) -> Part:
    found = {"200": answer("It.", schema)}
    if 503 in problems:
        found["503"] = answer("Not ready.", schema)
        problems = tuple(code for code in problems if code != 503)
    return operation(name, summary, _TAG, found, problems=problems, is_open=is_open)


def _ready(name: str) -> Part:
    return _get(name, "Whether it is ready.", ref("ModelReady"), (404, 503))


def _infer(name: str) -> Part:
    binary: Part = {"description": "JSON, and after it the tensors in their order."}
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": ref("InferRequest")},
            "application/octet-stream": {"schema": binary},
        },
    }
    found = answer("The outputs.", ref("InferAnswer"))
    found["content"]["application/octet-stream"] = {"schema": binary}
    return operation(
        name,
        "The model's outputs for these tensors.",
        _TAG,
        {"200": found},
        problems=(400, 404, 408, 413, 500, 503, 504),
        parameters=(_LENGTH, _TIMEOUT),
        body=body,
    )


def _change(name: str, verb: str) -> Part:
    return operation(
        name,
        f"{verb} a version (admin).",
        _TAG,
        {"200": answer("Done.", {"type": "object"})},
        problems=(400, 404, 503),
        body=json_body(ref("VersionChange")),
    )
