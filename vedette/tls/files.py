"""PEM files: read all at once, and what is wrong with one said with its key in the configuration."""

import ssl
from collections.abc import Callable
from pathlib import Path

from vedette.config.problems import KeyPath, dotted
from vedette.config.settings import Settings
from vedette.errors import ConfigError
from vedette.process.metrics import CERTIFICATE_EXPIRY

Files = dict[str, bytes]
"""By key of the settings that name them."""
_WHY = {
    "KEY_VALUES_MISMATCH": "is not the key of {certificate}",
    "BAD_DECRYPT": "has a password",
}


class WrongFile(ConfigError):
    """A file can't be used."""

    def __init__(self, place: KeyPath, key: str, path: Path, why: str) -> None:
        self.key = (*place, key)
        self.why = f"{path}: {why}"
        super().__init__(f"{dotted(self.key)}: {self.why}")


def read_files(settings: Settings, place: KeyPath) -> Files:
    """All that `settings` name; `place` is where these are in the configuration. Raises WrongFile."""
    files = {}
    for key, path in settings:
        if path is not None:
            try:
                files[key] = path.read_bytes()
            except OSError as error:
                raise WrongFile(place, key, path, error.strerror or "can't be read") from None
    return files


def use(place: KeyPath, key: str, path: Path, load: Callable[[], object], certificate: str) -> None:
    """Call `load`, which gives the file to OpenSSL; `certificate` is the key of what a private key is of.

    Raises:
        WrongFile: what OpenSSL has against it.
    """
    try:
        load()
    except ssl.SSLError as error:
        why = _WHY.get(error.reason or "", f"is no PEM file of what it should be ({error.reason or 'damaged'})")
        raise WrongFile(place, key, path, why.format(certificate=certificate)) from None
    except (OSError, ValueError, TypeError) as error:
        raise WrongFile(place, key, path, str(error)) from None


def stamp_of(settings: Settings) -> tuple[object, ...]:
    """What changes when a file does."""
    found: list[object] = []
    for _, path in settings:
        try:
            state = path.stat() if path is not None else None
        except OSError:
            state = None
        found.append(state and (state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)


def note_expiry(certificate: bytes, use: str) -> None:
    """Tell the metric when the first certificate of a PEM file, the own one, ends; `use` is what it is for."""
    from cryptography.x509 import load_pem_x509_certificate

    CERTIFICATE_EXPIRY.labels(use).set(load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp())
