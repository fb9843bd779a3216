"""The control API of a gateway: the desired cameras over HTTP, under `/api/v1/`."""

from gateway.api.cameras_api import Backing, CamerasApi
from gateway.api.guard import Guard
from gateway.api.snapshots_api import SnapshotsApi

__all__ = ["Backing", "CamerasApi", "Guard", "SnapshotsApi"]
