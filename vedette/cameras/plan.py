"""What has to change so that the desired cameras are what a configuration file says. Pure.

What was said last counts. A file that says of a camera what it said when it was last applied changes nothing about
it, so that a camera that was disabled by the API stays so when its gateway starts again; `exact` puts it back.
Cameras that came by the API are left alone, unless the file names them; those that came with the file and are no
longer in it are removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vedette.cameras.record import CameraRecord, Entry
from vedette.config.camera_settings import Camera


@dataclass(frozen=True, slots=True)
class Change:
    """One key that is written or deleted."""

    name: str
    record: CameraRecord | None
    """None: the camera is removed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and what that means for cameras."""

    changes: tuple[Change, ...] = ()
    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which settings, by camera; none where it only becomes the file's."""
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`+ gate`, `~ yard: sampling, url`, `- door`, a line a camera that is not as it was."""
        lines = [f"+ {name}" for name in self.added]
        lines += [f"~ {name}: {', '.join(keys) or 'it becomes the file’s'}" for name, keys in self.changed.items()]
        return "\n".join([*lines, *(f"- {name}" for name in self.removed)])


def plan(
    said: Mapping[str, Camera], present: Mapping[str, Entry], digest: Callable[[Camera], str], exact: bool
) -> Plan:
    """From what is `present` to what a file has `said`; `digest` tells cameras apart, secrets too."""
    changes: list[Change] = []
    added, unchanged = [], []
    changed: dict[str, tuple[str, ...]] = {}
    for name, camera in said.items():
        record, old = CameraRecord(name, camera, "file", digest(camera)), present.get(name)
        if old is None:
            added.append(name)
        elif _same(record, old, exact):
            unchanged.append(name)
        else:
            changed[name] = _keys(camera, old)
        if old is None or not (_same(record, old, exact) and _applied(record, old)):
            changes.append(Change(name, record))
    removed = [name for name, old in present.items() if _of_file(old) and name not in said]
    changes += [Change(name, None) for name in removed]
    return Plan(tuple(changes), tuple(added), changed, tuple(removed), tuple(unchanged))


def _same(record: CameraRecord, old: Entry, exact: bool) -> bool:
    """Whether the camera stays as it is."""
    if not isinstance(old, CameraRecord) or old.origin != "file":
        return False
    return old.camera == record.camera or (not exact and _applied(record, old))


def _keys(camera: Camera, old: Entry) -> tuple[str, ...]:
    if not isinstance(old, CameraRecord):
        return ("all of it, as it could not be read",)
    return tuple(key for key in Camera.model_fields if getattr(camera, key) != getattr(old.camera, key))


def _applied(record: CameraRecord, old: Entry) -> bool:
    """Whether the file has said just this of it before."""
    return isinstance(old, CameraRecord) and old.origin == "file" and old.said == record.said


def _of_file(old: Entry) -> bool:
    return isinstance(old, CameraRecord) and old.origin == "file"
