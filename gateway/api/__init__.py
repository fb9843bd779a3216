"""The control API of a gateway: the desired cameras over HTTP, under `/api/v1/`."""

from gateway.api.cameras_api import Backing, CamerasApi
from gateway.api.guard import Guard

__all__ = ["Backing", "CamerasApi", "Guard"]
