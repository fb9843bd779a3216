"""Settings of a camera from outside: merged with what is there (RFC 7396), secrets unmasked, checked. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vedette.cameras.check import CameraRefused, check_camera, read_camera
from vedette.cameras.record import settings_of
from vedette.config.camera_settings import WHIP, Camera
from vedette.config.pipeline_settings import Pipeline
from vedette.config.problems import KeyPath, Problem
from vedette.config.settings import Settings
from vedette.secrets.secret import SecretText, SecretUrl

MASK = "***"
"""In a secret as it is shown."""
_NETWORK = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt")
"""Schemes of URLs that may come over the network."""
_URLS = (("url",), ("substream", "url"))


def patched(camera: Camera, patch: Mapping[str, Any]) -> Any:
    """The camera's settings, secrets unmasked, with a JSON merge patch on them."""
    return _merge(settings_of(camera, SecretText.reveal), patch)


def checked(
    name: str, settings: Mapping[str, Any], old: Camera | None, pipelines: Mapping[str, Pipeline], remote: bool
) -> Camera:
    """A camera of `settings`; a secret as it is shown (masked) stands for the one that `old` has.

    `remote`: they came over the network, and may name no files or devices of this machine.

    Raises:
        CameraRefused: with each wrong key.
    """
    if old is not None:
        shown, secret = settings_of(old, whole=True), settings_of(old, SecretText.reveal, whole=True)
        settings = _unmasked(settings, shown, secret)
    camera = read_camera(name, settings)
    check_camera(name, camera, pipelines)
    known = dict(_places(old)) if old else {}
    problems = [
        Problem(key, text)
        for key, place in _places(camera)
        if place != known.get(key)
        for text in _place_problems(key, place, remote)
    ]
    if problems:
        raise CameraRefused(name, problems)
    return camera


Place = SecretText | Path


def _places(settings: Settings, key: KeyPath = ()) -> Iterator[tuple[KeyPath, Place]]:
    """Every secret, URL and path in a camera's settings, and its key."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from _places(value, (*key, name))
        elif isinstance(value, Place):
            yield (*key, name), value


def _place_problems(key: KeyPath, place: Place, remote: bool) -> Iterable[str]:
    if isinstance(place, Path):
        return ["names a file of the gateway's machine; that needs the configuration file"] if remote else []
    return url_problems(place.reveal(), remote and isinstance(place, SecretUrl) and key[-1] == "url")


def url_problems(url: str, remote: bool) -> Iterable[str]:
    """What is wrong with a URL: it is masked; or it came over the network, and is of a file or device."""
    if MASK in url:
        yield "holds *** where it was masked; give it whole"
    elif remote and url != WHIP and not is_of_network(url):
        yield "must be a network stream, as in rtsp://…; a file or device needs the configuration file"


def is_of_network(url: str) -> bool:
    """Whether it may come over the network: it names no file, and no device."""
    return url.partition("://")[0].lower() in _NETWORK


def _at(settings: Any, key: Iterable[str]) -> Any:
    for part in key:
        settings = settings.get(part) if isinstance(settings, Mapping) else None
    return settings


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
    if isinstance(data, str) and isinstance(shown, Mapping):  # of a substream, its URL alone
        return _unmasked(data, shown.get("url"), secret.get("url"))
    return secret if isinstance(data, str) and MASK in data and data == shown else data
