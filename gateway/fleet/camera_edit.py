"""What a person's wish makes of a camera, given the one that is there. Pure.

A camera that came with a configuration file may be changed, not removed: the file would bring it back. It stays the
file's, and keeps the change until the file says something new of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError
from gateway.fleet.camera_settings import checked, patched
from vedette.cameras.record import CameraRecord, Entry
from vedette.config.pipeline_settings import Pipeline

Edit = Callable[[Entry | None], CameraRecord | None]
"""From what is there to what is to be; raises CameraRefused, UnknownCamera, EditImpossible."""


class UnknownCamera(GatewayError):
    """There is no such camera."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no camera {name}")


class EditImpossible(GatewayError):
    """What is there can't be changed so."""


@dataclass(frozen=True, slots=True)
class Editor:
    """Makes edits of cameras that may have these pipelines."""

    pipelines: Mapping[str, Pipeline]
    remote: bool
    """The wishes come over the network: they may name no files or devices of this machine."""

    def add(self, name: str, settings: Mapping[str, Any]) -> Edit:
        """A new camera."""
        camera = checked(name, settings, None, self.pipelines, self.remote)

        def edit(present: Entry | None) -> CameraRecord:
            if present is not None:
                raise EditImpossible(f"the camera {name} is there already")
            return CameraRecord(name, camera, "api")

        return edit

    def put(self, name: str, settings: Mapping[str, Any]) -> Edit:
        """All settings of a camera, new or not."""

        def edit(present: Entry | None) -> CameraRecord:
            old = present if isinstance(present, CameraRecord) else None
            camera = checked(name, settings, old.camera if old else None, self.pipelines, self.remote)
            return CameraRecord(name, camera, old.origin, old.said) if old else CameraRecord(name, camera, "api")

        return edit

    def patch(self, name: str, patch: Mapping[str, Any]) -> Edit:
        """Some settings of a camera (RFC 7396): null takes one back to its default."""

        def edit(present: Entry | None) -> CameraRecord:
            if present is None:
                raise UnknownCamera(name)
            if not isinstance(present, CameraRecord):
                raise EditImpossible(f"what is there of {name} can't be read ({present.why}); add it anew, whole")
            settings = patched(present.camera, patch)
            camera = checked(name, settings, present.camera, self.pipelines, self.remote)
            return CameraRecord(name, camera, present.origin, present.said)

        return edit

    def remove(self, name: str) -> Edit:
        """No such camera any more."""

        def edit(present: Entry | None) -> None:
            if present is None:
                raise UnknownCamera(name)
            if isinstance(present, CameraRecord) and present.origin == "file":
                raise EditImpossible(f"{name} is in a configuration file: remove it there, or disable it here")

        return edit
