"""The repository that a configuration names."""

from pathlib import Path

from inference.repository.bucket_store import BucketStore
from inference.repository.cache import Cache
from inference.repository.folder_store import FolderStore
from inference.repository.repository import ModelRepository
from inference.repository.store import Store
from inference.repository.url_store import UrlStore
from vedette.bus.address import address_of, site_folder
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.models_settings import Models
from vedette.errors import ConfigError
from vedette.roles.permissions import Role
from vedette.secrets.secret import revealed

_GIB = 2**30


def open_repository(
    config: Config, bus: Bus | None = None, patience_s: float | None = 0.0, role: Role = "operator"
) -> ModelRepository:
    """The repository of `models:`; it connects, as `role`, when it is asked for something.

    Args:
        bus: for a bucket, where there is a connection already; it is left open.
        patience_s: how long what is not in the cache is asked for, if the place can't be reached; None is for ever.

    Raises:
        ConfigError: they are at the hub.
    """
    return ModelRepository(store_of(config, config.models, bus, role), cache_of(config), patience_s)


def store_of(config: Config, models: Models, bus: Bus | None = None, role: Role = "operator") -> Store:
    """The place that `models` is; a bucket lies on the bus of `config`.

    Raises:
        ConfigError: they are at the hub.
    """
    if models.at_hub:
        raise ConfigError("models.at_hub: frames of this site are inferred at the hub; do this there")
    if models.bucket is not None:
        return BucketStore(lambda: address_of(config, role), models.bucket, bus)
    if models.url is not None:
        return UrlStore(models.url, revealed(models.options))
    return FolderStore(models.path)


def cache_of(config: Config) -> Cache:
    """The site's on this machine."""
    return Cache(cache_folder(config), int(config.models.cache_gib * _GIB))


def cache_folder(config: Config) -> Path:
    """Where it lies."""
    return site_folder(config.site) / "models"
