"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) with a key that is a file.

What is sealed is bound to the place where it is kept: moved elsewhere, it does not open. Nonces are random; a key is
good for 2^32 secrets. A key file may have several keys, one a line: the first seals, all open, so that a key can be
followed by another one (`vedette reseal`).
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vedette.bus.address import site_folder
from vedette.config.config import Config
from vedette.errors import ConfigError, VedetteError

_KEY_BYTES, _NONCE_BYTES = 32, 12
_CAMERAS, _IDENTITIES = "gateway.key_file", "identities.key_file"


class Unsealable(VedetteError):
    """It was sealed with another key or for another place, or is damaged."""


class Sealer:
    """Seals with one key, and opens what was sealed with it or with one of before."""

    def __init__(self, key: bytes, setting: str = _CAMERAS, former: Sequence[bytes] = ()) -> None:
        """`setting` names the keys in the configuration."""
        self._setting = setting
        self._ciphers = [AESGCM(one) for one in (key, *former)]
        self._digest_keys = [hmac.digest(one, b"vedette: digests", hashlib.sha256) for one in (key, *former)]

    def seal(self, text: str, place: str) -> str:
        """`text`, to be opened at `place` only."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._ciphers[0].encrypt(nonce, text.encode(), place.encode())).decode()

    def unseal(self, sealed: str, place: str) -> str:
        """The text that was sealed for `place`.

        Raises:
            Unsealable
        """
        for cipher in self._ciphers:
            try:
                data = base64.b64decode(sealed, validate=True)
                return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode()).decode()
            except (InvalidTag, ValueError):
                continue
        raise Unsealable(f"was sealed with another key ({self._setting}), or is damaged")

    def digest(self, text: str) -> str:
        """Whether two texts are the same can be told from it, by nobody without the key what they are."""
        return self.digests(text)[0]

    def digests(self, text: str) -> list[str]:
        """With the key of now, and with those of before."""
        return [hmac.digest(key, text.encode(), hashlib.sha256).hex() for key in self._digest_keys]


def sealer_of(config: Config) -> Sealer:
    """With the site's key of cameras: `gateway.key_file`, or the one of this machine, which is made if there is none.

    Raises:
        ConfigError: the file can't be read or written, or holds no key.
    """
    return _sealer(config.gateway.key_file, site_folder(config.site) / "cameras.key", _CAMERAS)


def identities_sealer_of(config: Config) -> Sealer:
    """The same with the key of people: `identities.key_file`.

    Raises:
        ConfigError
    """
    return _sealer(config.identities.key_file, site_folder(config.site) / "identities.key", _IDENTITIES)


def _sealer(file: Path | None, usual: Path, setting: str) -> Sealer:
    try:
        if file is None:
            file = usual
            if not file.exists():
                _make(file)
        first, *former = map(_key, file.read_text(encoding="ascii").split() or [""])
        return Sealer(first, setting, former)
    except OSError as error:
        raise ConfigError(f"{setting}: {file}: {error.strerror}") from None
    except ValueError:
        how = "as made by: head -c 32 /dev/urandom | base64"
        raise ConfigError(f"{setting}: {file}: is no key; 32 bytes in base64, {how}") from None


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError from error
    if len(key) != _KEY_BYTES:
        raise ValueError
    return key


def _make(file: Path) -> None:
    """Only its owner may read it. Of two processes that make it at a time, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(f".{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink()
