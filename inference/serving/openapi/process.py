"""Roll-outs, health and metrics."""

from typing import Any

from inference.serving.openapi.parts import MODEL, Part, answer, in_header, json_body, operation, ref

_TEXT: Part = {"type": "string"}
_IF_MATCH = in_header("If-Match", _TEXT, "The ETag that the roll-out must still have.")


def paths() -> dict[str, Any]:
    """All of them."""
    rollout = "/api/v1/rollouts/{model}"
    return {
        rollout: {
            "parameters": [MODEL],
            "get": _rollout("rollout", "What is wanted, and how each replica stands.", (404, 503)),
            "put": {**_change("setRollout", "Have it so (admin)."), "requestBody": json_body(ref("Rollout"))},
            "delete": _change("endRollout", "No roll-out any more (admin)."),
        },
        f"{rollout}/promote": {
            "parameters": [MODEL],
            "post": _change("promote", "The candidate becomes stable (admin)."),
        },
        f"{rollout}/rollback": {
            "parameters": [MODEL],
            "post": _change("rollback", "Without the candidate, or back to the version before (admin)."),
        },
        "/healthz": {"get": _open("healthz", "Whether the process lives.", answer("ok", _TEXT, "text/plain"))},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _open("metrics", "For Prometheus.", answer("They.", _TEXT, "text/plain"))},
        "/openapi.json": {"get": _open("openapi", "This description.", answer("It.", {"type": "object"}))},
    }


def _rollout(name: str, summary: str, problems: tuple[int, ...]) -> Part:
    found = answer("The roll-out.", ref("RolloutState"))
    found["headers"] = {"ETag": {"schema": _TEXT, "description": "Its revision."}}
    return operation(name, summary, "roll-out", {"200": found}, problems=problems)


def _change(name: str, summary: str) -> Part:
    return {**_rollout(name, summary, (400, 404, 409, 412, 503)), "parameters": [_IF_MATCH]}


def _open(name: str, summary: str, found: Part) -> Part:
    return operation(name, summary, "process", {"200": found}, is_open=True)


def _readyz() -> Part:
    found = _open("readyz", "Whether all is there that it needs.", answer("Ready.", ref("Readiness")))
    found["responses"]["503"] = answer("Not ready; `missing` says why.", ref("Readiness"))
    return found
