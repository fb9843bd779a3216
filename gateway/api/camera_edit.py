"""What a request makes of a camera, given the one that is there. Pure.

A camera that came with a configuration file may be changed, not removed: the file would bring it back. It stays the
file's, and keeps the change until the file says something new of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.api.camera_body import checked, patched, refused, without_read_only
from gateway.problem import HttpProblem
from vedette.camera_record import CameraRecord, Entry
from vedette.config import Pipeline
from vedette.config_problems import Problem
from vedette.ids import is_id

Edit = Callable[[Entry | None], CameraRecord | None]
"""From what is there to what is to be; raises HttpProblem where that can't be."""


def adding(body: Mapping[str, Any], pipelines: Mapping[str, Pipeline]) -> tuple[str, Edit]:
    """POST: a new camera, and its name."""
    name = body.get("name")
    if not isinstance(name, str) or not is_id(name):
        raise refused([Problem(("name",), "must be the camera's name: lower case letters, digits, - and _")])
    camera = checked(name, without_read_only(body), None, pipelines)

    def edit(present: Entry | None) -> CameraRecord:
        if present is not None:
            raise HttpProblem(409, f"the camera {name} is there already")
        return CameraRecord(name, camera, "api")

    return name, edit


def putting(name: str, body: Mapping[str, Any], pipelines: Mapping[str, Pipeline]) -> Edit:
    """PUT: all settings of a camera, new or not."""
    if body.get("name", name) != name:
        raise refused([Problem(("name",), f"must be {name}, as in the URL, or left out")])

    def edit(present: Entry | None) -> CameraRecord:
        old = present if isinstance(present, CameraRecord) else None
        camera = checked(name, without_read_only(body), old.camera if old else None, pipelines)
        return CameraRecord(name, camera, old.origin, old.said) if old else CameraRecord(name, camera, "api")

    return edit


def patching(name: str, body: Mapping[str, Any], pipelines: Mapping[str, Pipeline]) -> Edit:
    """PATCH: some settings of a camera; null takes one back to its default."""
    patch = without_read_only(body)

    def edit(present: Entry | None) -> CameraRecord:
        if present is None:
            raise unknown(name)
        if not isinstance(present, CameraRecord):
            raise HttpProblem(409, f"what is there can't be read ({present.why}); PUT replaces it")
        camera = checked(name, patched(present.camera, patch), present.camera, pipelines)
        return CameraRecord(name, camera, present.origin, present.said)

    return edit


def deleting(name: str) -> Edit:
    """DELETE."""

    def edit(present: Entry | None) -> None:
        if present is None:
            raise unknown(name)
        if isinstance(present, CameraRecord) and present.origin == "file":
            raise HttpProblem(409, f"{name} is in a configuration file: remove it there, or disable it here")

    return edit


def unknown(name: str) -> HttpProblem:
    """404."""
    return HttpProblem(404, f"there is no camera {name}")
