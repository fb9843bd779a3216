"""How the certificate of a camera's TLS server is checked."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """By default a server must prove its host name with a certificate that the system trusts."""

    verify: bool = True
    """False: any certificate will do; the connection is encrypted, and nobody knows to whom."""
    ca: Path | None = None
    """PEM file of the certificates to trust instead of the system's."""

    @property
    def authorities(self) -> Path | None:
        """PEM file of the certificates that are trusted: `ca`, or the system's (`SSL_CERT_FILE` names another); None:
        this system has none where it is looked for.
        """
        system = ssl.get_default_verify_paths().cafile
        return self.ca or (Path(system) if system else None)


CHECKED = Tls()
