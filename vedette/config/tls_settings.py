"""Certificates in the configuration. All files are looked at again while a process runs."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from vedette.config.settings import Settings


class ServerTls(Settings):
    """TLS of a server. The files are looked at again while the process runs: new ones are used from the next
    connection on, and ones that can't be used leave the old ones in place."""

    server_cert: Path
    """PEM: the server's certificate, and those between it and its authority. Relative to the configuration file."""
    server_key: Path
    """PEM: its key, without a password."""
    client_ca: Path | None = None
    """PEM: clients must have a certificate of one of these authorities (mutual TLS). Default: they need none."""


class ClientTls(Settings):
    """TLS towards the bus, whose certificate must be the host's. New files make a new connection."""

    ca: Path | None = None
    """PEM: the only authorities to be trusted. Relative to the configuration file. Default: the system's."""
    certificate: Path | None = None
    """PEM: the certificate to be shown (mutual TLS). Default: none."""
    key: Path | None = None
    """PEM: its key, without a password."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self
