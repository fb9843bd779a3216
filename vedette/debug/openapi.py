"""What the OpenAPI 3.1 descriptions of gateways and inference processes say of `/debug`. Pure."""

from typing import Any

from vedette.debug.recording import ENDINGS, FASTEST_HZ, LONGEST_S

_PROBLEM = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
}
_REASONS = {
    400: "A parameter is wrong.",
    401: "A token is needed.",
    403: "Not for this client.",
    409: "Another profile, or look at the memory, is under way.",
    500: "py-spy failed.",
    501: "py-spy is not installed, or the system does not permit it.",
}
_TEXT = {"type": "string"}


def paths() -> dict[str, Any]:
    """By path."""
    return {
        "/debug": {"get": _operation("debug", "What there is.", {"text/plain": _TEXT})},
        "/debug/stacks": {"get": _operation("stacks", "Where every thread and task is.", {"text/plain": _TEXT})},
        "/debug/memory": {
            "get": _operation(
                "memory", "What the memory is made of.", {"application/json": {"type": "object"}}, problems=(409,)
            )
        },
        "/debug/profile": {
            "get": {
                **_operation(
                    "profile",
                    "A flame graph of the next seconds, by py-spy.",
                    {"image/svg+xml": _TEXT, "application/json": {"type": "object"}, "text/plain": _TEXT},
                    problems=(400, 409, 500, 501),
                ),
                "parameters": _parameters(),
            }
        },
    }


def _operation(name: str, summary: str, found: dict[str, Any], problems: tuple[int, ...] = ()) -> dict[str, Any]:
    answers = {"200": {"description": "It.", "content": {kind: {"schema": schema} for kind, schema in found.items()}}}
    wrong = {str(status): _problem(status) for status in sorted({*problems, 401, 403})}
    return {"operationId": name, "summary": summary, "tags": ["debug"], "responses": {**answers, **wrong}}


def _problem(status: int) -> dict[str, Any]:
    return {"description": _REASONS[status], "content": {"application/problem+json": {"schema": _PROBLEM}}}


def _parameters() -> list[dict[str, Any]]:
    flag = {"enum": ["1", "true", "0", "false"], "default": "0"}
    described = {
        "seconds": ({"type": "integer", "minimum": 1, "maximum": LONGEST_S, "default": 10}, "How long."),
        "rate": ({"type": "integer", "minimum": 1, "maximum": FASTEST_HZ, "default": 100}, "Samples a second."),
        "format": ({"enum": [*ENDINGS], "default": "flamegraph"}, "SVG, JSON for speedscope.app, or a line a stack."),
        "children": ({**flag, "default": "1"}, "Processes that it has started too."),
        "idle": (flag, "Threads that wait too."),
        "native": (flag, "Frames of C and C++ too."),
    }
    return [
        {"name": name, "in": "query", "schema": schema, "description": text}
        for name, (schema, text) in described.items()
    ]
