"""Bodies of requests about a camera: read, merged with what is there (RFC 7396), checked. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.problem import HttpProblem
from vedette.camera_check import CameraRefused, check_camera, read_camera
from vedette.camera_record import settings_of
from vedette.config import WHIP, Camera, Pipeline
from vedette.config_problems import Problem, dotted
from vedette.secret import SecretText

READ_ONLY = ("name", "origin", "revision", "refused", "status")
"""Keys of an answer that are no settings: a body may have them, so that an answer can be sent back, changed."""
_MASK = "***"
_NETWORK = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt")
"""Schemes of URLs that may come over the network."""
_URLS = ("url", "substream")


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


def without_read_only(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a body."""
    return {key: value for key, value in body.items() if key not in READ_ONLY}


def patched(camera: Camera, patch: Mapping[str, Any]) -> Any:
    """The camera's settings, secrets unmasked, with a JSON merge patch (RFC 7396) on them."""
    return _merge(settings_of(camera, SecretText.reveal), patch)


def checked(name: str, settings: Any, old: Camera | None, pipelines: Mapping[str, Pipeline]) -> Camera:
    """A camera of `settings` that came over the network; a secret as it is shown stands for the one that `old` has.

    Raises:
        HttpProblem: 422, with each wrong key.
    """
    if old is not None:
        shown, secret = settings_of(old, whole=True), settings_of(old, SecretText.reveal, whole=True)
        settings = _unmasked(settings, shown, secret)
    try:
        camera = read_camera(name, settings)
        check_camera(name, camera, pipelines)
    except CameraRefused as error:
        raise refused(error.problems) from None
    problems = list(_network_problems(settings, settings_of(old, SecretText.reveal) if old else {}))
    if problems:
        raise refused(problems)
    return camera


def refused(problems: Iterable[Problem]) -> HttpProblem:
    """422: the keys that are wrong, and why."""
    errors = [{"key": dotted(problem.key), "detail": problem.text} for problem in problems]
    return HttpProblem(422, "; ".join(f"{error['key']}: {error['detail']}" for error in errors), errors)


def network_url_problems(url: str) -> Iterable[str]:
    """What is wrong with a URL that came over the network: it reaches files or devices of this machine."""
    if _MASK in url:
        yield "holds *** where it was masked; give it whole"
    elif url != WHIP and url.partition("://")[0].lower() not in _NETWORK:
        yield "must be a network stream, as in rtsp://…; a file or device needs the configuration file"


def _no_number(text: str) -> None:
    raise ValueError(text)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _unmasked(data: Any, shown: Any, secret: Any) -> Any:
    if isinstance(data, Mapping) and isinstance(shown, Mapping):
        return {key: _unmasked(value, shown.get(key), secret.get(key)) for key, value in data.items()}
    return secret if isinstance(data, str) and _MASK in data and data == shown else data


def _network_problems(settings: Mapping[str, Any], old: Mapping[str, Any]) -> Iterable[Problem]:
    """What a configuration file may say, and the network may not: files and devices of the gateway's machine."""
    for key in _URLS:
        url = settings.get(key)
        if isinstance(url, str) and url != old.get(key):
            yield from (Problem((key,), text) for text in network_url_problems(url))
