"""The model repository extension: the versions of this process's model, loaded and unloaded by request."""

from collections.abc import Mapping
from typing import Any

from inference.dataplane import DataPlane
from inference.errors import DeviceUnavailable, ModelError
from inference.repository.store import RepositoryUnavailable
from inference.runtime.batching import ModelFailed
from inference.serving.refusal import Refused

_STATES = {"ready": "READY", "loading": "LOADING", "unloading": "UNLOADING", "unavailable": "UNAVAILABLE"}


class ModelControl:
    """Versions are named as `model@version`, or by the parameter `version`."""

    def __init__(self, plane: DataPlane, may_change: bool) -> None:
        """`may_change`: whether clients may load and unload."""
        self._plane = plane
        self._may_change = may_change

    def index(self, only_ready: bool = False) -> list[dict[str, str]]:
        """name, version, state and reason of each version that the repository has."""
        return [
            {"name": self._plane.name, "version": entry.version, "state": _STATES[entry.state], "reason": entry.reason}
            for entry in self._plane.index()
            if entry.state == "ready" or not only_ready
        ]

    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Load a version, which is then served to those who ask for it. Raises Refused."""
        version = self._version(name, parameters)
        try:
            await self._plane.load(version)
        except ModelError as error:
            raise Refused("invalid", str(error)) from None
        except RepositoryUnavailable as error:
            raise Refused("unavailable", str(error), 5.0) from None
        except (DeviceUnavailable, ModelFailed) as error:
            raise Refused("failed", str(error)) from None

    async def unload(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Let go of a version that was loaded by request. Raises Refused."""
        try:
            self._plane.unload(self._version(name, parameters))
        except ModelError as error:
            raise Refused("invalid", str(error)) from None

    def _version(self, name: str, parameters: Mapping[str, Any]) -> str:
        if not self._may_change:
            raise Refused("forbidden", "models are loaded and unloaded over loopback only")
        model, _, version = name.partition("@")
        if model != self._plane.name:
            raise Refused("unknown", f"there is no model {model[:64]!r} here; there is {self._plane.name}")
        version = version or parameters.get("version", "")
        if not isinstance(version, str) or not version:
            raise Refused("invalid", f"say which version: {model}@{self._plane.stable.model.version}")
        if others := sorted(parameters.keys() - {"version", "unload_dependents"}):
            raise Refused("invalid", f"parameters: {others[0][:64]} is not possible: versions come from the repository")
        return version
