"""Bodies of requests about a camera, and what is answered when they are wrong. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.web.problem import HttpProblem
from vedette.config.problems import Problem, dotted

READ_ONLY = ("name", "origin", "revision", "refused", "status")
"""Keys of an answer that are no settings: a body may have them, so that an answer can be sent back, changed."""


def read_object(text: str) -> dict[str, Any]:
    """A body that is a JSON object.

    Raises:
        HttpProblem: 400.
    """
    try:
        body = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise HttpProblem(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise HttpProblem(400, "the body is no JSON object")
    return body


def settings_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a body."""
    return {key: value for key, value in body.items() if key not in READ_ONLY}


def refused(problems: Iterable[Problem]) -> HttpProblem:
    """422: the keys that are wrong, and why."""
    errors = [{"key": dotted(problem.key), "detail": problem.text} for problem in problems]
    return HttpProblem(422, "; ".join(f"{error['key']}: {error['detail']}" for error in errors), errors)


def _no_number(text: str) -> None:
    raise ValueError(text)
