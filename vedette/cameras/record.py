"""A desired camera as it lies in the KV bucket `vedette-cameras`: JSON, its secrets sealed for its key.

    {"version": 1, "origin": "api", "camera": {"url": {"sealed": "…"}, "pipeline": ["people"]}}

Settings that are the default are left out. The text is nobody's configuration file: `${…}` in it is just text.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from vedette.cameras.check import CameraRefused, read_camera
from vedette.config.camera_settings import Camera
from vedette.secrets.sealing import Sealer, Unsealable
from vedette.secrets.secret import SHOWN_AS, SecretText

Origin = Literal["file", "api"]
_VERSION = 1


@dataclass(frozen=True, slots=True)
class CameraRecord:
    """A camera as it is desired."""

    name: str
    camera: Camera
    origin: Origin
    """Who has brought it: a configuration file, or somebody who added it by the API or the command line."""
    said: str | None = None
    """A digest of what its file said of it when that was last applied."""
    revision: int = 0
    """Of the key in the bucket."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """What lies under a camera's key and is none."""

    name: str
    why: str
    """Names what is wrong, never a value."""
    revision: int = 0


Entry = CameraRecord | UnreadableRecord


def settings_of(camera: Camera, secrets: Callable[[SecretText], object] = str, whole: bool = False) -> dict[str, Any]:
    """A camera's settings as plain data; each secret as `secrets` makes it, masked by default.

    Settings that are the default are left out; with `whole`, only groups of them.
    """

    def dump(sparing: bool) -> dict[str, Any]:
        context = {SHOWN_AS: secrets}
        return camera.model_dump(mode="json", exclude_defaults=sparing, exclude_none=True, context=context)

    said = dump(sparing=True)
    if not whole:
        return said
    return {key: value for key, value in dump(sparing=False).items() if key in said or not isinstance(value, dict)}


def digest_of(camera: Camera, sealer: Sealer) -> str:
    """The same for cameras with the same settings, secrets too."""
    return digests_of(camera, sealer)[0]


def digests_of(camera: Camera, sealer: Sealer) -> list[str]:
    """With the key of now, and with those of before."""
    return sealer.digests(json.dumps(settings_of(camera, SecretText.reveal), sort_keys=True))


def said_anew(entry: Entry, camera: Camera, sealer: Sealer) -> Entry:
    """`entry`, where it was last said by a file with what `camera` is: so that this is seen with the key of now too."""
    digests = digests_of(camera, sealer)
    if isinstance(entry, CameraRecord) and entry.said in digests:
        return replace(entry, said=digests[0])
    return entry


def encode(record: CameraRecord, key: str, sealer: Sealer) -> bytes:
    """What is stored under `key`."""

    def sealed(secret: SecretText) -> dict[str, str]:
        return {"sealed": sealer.seal(secret.reveal(), key)}

    known = {"version": _VERSION, "origin": record.origin, **({"said": record.said} if record.said else {})}
    return json.dumps({**known, "camera": settings_of(record.camera, sealed)}).encode()


def decode(value: bytes, key: str, revision: int, sealer: Sealer) -> Entry:
    """What `encode` made, or why it is none."""
    name = key.partition(".")[2]
    try:
        whole = json.loads(value)
        if whole["version"] != _VERSION:
            return UnreadableRecord(name, f"is of another version than {_VERSION}", revision)
        if whole["origin"] not in ("file", "api"):
            return UnreadableRecord(name, "has an origin that is neither file nor api", revision)
        opened: set[str] = set()
        camera = read_camera(name, _opened(whole["camera"], key, sealer, opened))
        if not _secrets(camera) <= opened:
            return UnreadableRecord(name, "has a secret (url, token) that is not sealed", revision)
    except (Unsealable, CameraRefused) as error:
        return UnreadableRecord(name, str(error), revision)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return UnreadableRecord(name, "is no camera's record", revision)
    return CameraRecord(name, camera, whole["origin"], whole.get("said"), revision)


def _opened(data: Any, key: str, sealer: Sealer, opened: set[str]) -> Any:
    """`data` with what is sealed in it opened, and added to `opened`."""
    if isinstance(data, dict) and data.keys() == {"sealed"}:
        text = sealer.unseal(data["sealed"], key)
        opened.add(text)
        return text
    if isinstance(data, dict):
        return {name: _opened(item, key, sealer, opened) for name, item in data.items()}
    return [_opened(item, key, sealer, opened) for item in data] if isinstance(data, list) else data


def _secrets(camera: Camera) -> set[str]:
    found: set[str] = set()
    settings_of(camera, lambda secret: found.add(secret.reveal()))
    return found
