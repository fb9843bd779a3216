"""Whether one camera's settings are good, wherever they came from: with the key of everything that is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from vedette.config.camera_settings import Camera
from vedette.config.checks import contradictions
from vedette.config.config import Config
from vedette.config.pipeline_settings import Pipeline
from vedette.config.problems import ID_RULE, Problem, explain
from vedette.errors import VedetteError

_SITE = "site"


class CameraRefused(VedetteError):
    """A camera's settings can't be used. `problems` have keys of the camera's own: `privacy[0]`, no values."""

    exit_status = 2

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.name = name
        self.problems = problems


def read_camera(name: str, data: Any) -> Camera:
    """A camera from plain data.

    Raises:
        CameraRefused: a key is unknown, or a value can't be.
    """
    whole = {"site": _SITE, "cameras": {name: data}}
    try:
        return Config.model_validate(whole).cameras[name]
    except ValidationError as error:
        raise CameraRefused(name, _own(explain(error, whole))) from None


def check_camera(name: str, camera: Camera, pipelines: Mapping[str, Pipeline]) -> None:
    """Whether the camera contradicts itself, or names a pipeline that isn't one of `pipelines`.

    Raises:
        CameraRefused
    """
    problems = contradictions(Config(site=_SITE, cameras={name: camera}, pipelines=dict(pipelines)))
    if problems:
        raise CameraRefused(name, _own(problems))


def _own(problems: Sequence[Problem]) -> list[Problem]:
    """With keys that begin at the camera; what is wrong with its name has the key `name`."""
    return [
        Problem(("name",) if problem.text == ID_RULE else problem.key[len(("cameras", "name")) :], problem.text)
        for problem in problems
    ]
