"""Enrolled people."""

from typing import Any

from inference.serving.openapi.parts import Part, answer, in_path, in_query, operation, ref
from inference.serving.openapi.vision import pictures_body

_TAG = "identities"
_FLAG: Part = {"type": "boolean"}
_NAME: Part = {"type": "string", "minLength": 1, "maxLength": 100}
_GALLERY = in_path("gallery", "The gallery: a name that people are enrolled under.")
_PERSON = in_path("person", "The person's id, or name.")


def paths() -> dict[str, Any]:
    """All of them."""
    return {
        "/api/v1/identities": {"get": _get("galleries", "The galleries (admin).", "Galleries", ())},
        "/api/v1/identities/{gallery}": {
            "parameters": [_GALLERY],
            "get": _get("people", "Who is enrolled (admin).", "People", (400,)),
            "post": _enrol(),
        },
        "/api/v1/identities/{gallery}/{person}": {
            "parameters": [_GALLERY, _PERSON],
            "get": {
                **_get("person", "What is kept of somebody (admin).", "Person", (400, 404)),
                "parameters": [in_query("embeddings", _FLAG, "The vectors too.")],
            },
            "delete": operation(
                "removePerson",
                "Remove somebody, with the snapshots in which they were named (admin).",
                _TAG,
                {"200": answer("Removed.", ref("RemovedPerson"))},
                problems=(400, 404, 500, 503, 504),
            ),
        },
    }


def _get(name: str, summary: str, schema: str, problems: tuple[int, ...]) -> Part:
    return operation(name, summary, _TAG, {"200": answer("It.", ref(schema))}, problems=(*problems, 500, 503, 504))


def _enrol() -> Part:
    return operation(
        "enrol",
        "Enrol somebody with one to eight pictures of one face each, which are not kept (admin).",
        _TAG,
        {"201": answer("Enrolled.", ref("EnrolledPerson"))},
        problems=(400, 403, 408, 413, 415, 500, 503, 504),
        parameters=(
            {**in_query("name", _NAME, "As it is displayed."), "required": True},
            in_query("replace", _FLAG, "In place of what is kept of them already, not besides."),
        ),
        body=pictures_body(),
    )
