"""How the certificate of a camera's TLS server is checked."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """By default a server must prove its host name with a certificate that the system trusts."""

    verify: bool = True
    """False: any certificate will do; the connection is encrypted, and nobody knows to whom."""
    ca: Path | None = None
    """PEM file of the certificates to trust instead of the system's."""


CHECKED = Tls()
