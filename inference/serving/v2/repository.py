"""The model repository extension: what this process holds of its model; loading and unloading of versions."""

from typing import Any

from inference.dataplane import DataPlane
from inference.serving.refusal import Refused


class ModelControl:
    """The versions of the one model that this process serves."""

    def __init__(self, plane: DataPlane, may_change: bool) -> None:
        """`may_change`: whether clients may load and unload."""
        self._plane = plane
        self._may_change = may_change

    def index(self, only_ready: bool = False) -> list[dict[str, str]]:
        """name, version, state and reason of each."""
        found = self._plane.stable
        state = "READY" if found.ready else "UNAVAILABLE"
        entries = [{"name": self._plane.name, "version": found.model.version, "state": state, "reason": ""}]
        return [entry for entry in entries if entry["state"] == "READY" or not only_ready]

    async def load(self, model: str, parameters: dict[str, Any]) -> None:
        """Raises Refused."""
        self._check(model)
        raise Refused("invalid", "a version can't be loaded over this API yet")

    async def unload(self, model: str, parameters: dict[str, Any]) -> None:
        """Raises Refused."""
        self._check(model)
        raise Refused("invalid", "a version can't be unloaded over this API yet")

    def _check(self, model: str) -> None:
        if not self._may_change:
            raise Refused("forbidden", "models are loaded and unloaded over loopback only")
        if model != self._plane.name:
            raise Refused("unknown", f"there is no model {model[:64]!r} here; there is {self._plane.name}")
