"""The server's certificate, for HTTP and gRPC, read again when its files change.

A connection has the certificate that was there when it began. Python's live context can't be changed in one step (a
certificate without its key would be half of one): each new set of files gets a context of its own, to which the one
that the server listens with hands over when a client says hello.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vedette.config_problems import dotted
from vedette.errors import ConfigError
from vedette.metrics import CERTIFICATE_EXPIRY
from vedette.serving_settings import ServingTls

if TYPE_CHECKING:
    import grpc

logger = logging.getLogger(__name__)

LOOKS_S = 1.0
_Files = dict[str, bytes]


class WrongFile(ConfigError):
    """A file of `serving.tls` can't be used."""

    def __init__(self, key: str, path: Path, why: str) -> None:
        self.key = ("serving", "tls", key)
        self.why = f"{path}: {why}"
        super().__init__(f"{dotted(self.key)}: {self.why}")


class Certificates:
    """Those in use. `follow` looks after the files."""

    def __init__(self, settings: ServingTls) -> None:
        """Raises ConfigError, which names key and file."""
        self._settings = settings
        self._files, self._current = _load(settings)
        self._stamp = _stamp(settings)
        _note_expiry(self._files)
        self._fetched = self._files
        self.context = _context(settings)
        """To listen with."""
        self.context.sni_callback = self._hand_over
        self._logged = ""

    @property
    def mutual(self) -> bool:
        """Whether clients need a certificate."""
        return self._settings.client_ca is not None

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    async def follow(self) -> None:
        """Use new files as they come; never returns."""
        while True:
            await asyncio.sleep(LOOKS_S)
            await asyncio.to_thread(self.look)

    def look(self) -> bool:
        """Whether there are other files, which are used from now on. Files that can't be used are logged."""
        stamp = _stamp(self._settings)
        if stamp == self._stamp:
            return False
        try:
            files, context = _load(self._settings)
        except ConfigError as error:  # perhaps one file was replaced and the other one will be
            if str(error) != self._logged:
                logger.error("%s; the certificate of before stays in use", error)
            self._logged = str(error)
            return False
        self._stamp, self._logged = stamp, ""
        if files == self._files:
            return False
        self._files, self._current = files, context
        _note_expiry(files)
        logger.info("new certificate: %s", self._settings.server_cert)
        return True

    def grpc_credentials(self) -> "grpc.ServerCredentials":
        """Those of the same files, always."""
        import grpc

        def configuration(files: _Files) -> grpc.ServerCertificateConfiguration:
            pairs = [(files["server_key"], files["server_cert"])]
            return grpc.ssl_server_certificate_configuration(pairs, root_certificates=files.get("client_ca"))

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """In a thread of gRPC's, before each handshake; None: as before."""
            files = self._files
            if files is self._fetched:
                return None
            self._fetched = files
            return configuration(files)

        return grpc.dynamic_ssl_server_credentials(
            configuration(self._files),
            fetch,  # type: ignore[arg-type]  # it may return None, as its documentation says
            self.mutual,
        )


def _note_expiry(files: _Files) -> None:
    """The first certificate of the file is the server's own."""
    from cryptography.x509 import load_pem_x509_certificate

    ends = load_pem_x509_certificate(files["server_cert"]).not_valid_after_utc
    CERTIFICATE_EXPIRY.labels("serving").set(ends.timestamp())


def check(settings: ServingTls) -> None:
    """Raises WrongFile."""
    _load(settings)


def _load(settings: ServingTls) -> tuple[_Files, ssl.SSLContext]:
    """The files, and a context of just these. Raises ConfigError."""
    files = _read(settings)
    context = _context(settings)
    if _read(settings) != files:
        raise ConfigError("serving.tls: the files are being changed")
    return files, context


def _read(settings: ServingTls) -> _Files:
    files = {}
    for key, path in settings:
        if path is not None:
            try:
                files[key] = path.read_bytes()
            except OSError as error:
                raise WrongFile(key, path, error.strerror or "can't be read") from None
    return files


def _context(settings: ServingTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # a session taken up again would not be checked against a new client_ca
    context.set_alpn_protocols(["http/1.1"])
    cert, key = settings.server_cert, settings.server_key
    _try("server_cert", cert, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cert))
    _try("server_key", key, lambda: context.load_cert_chain(cert, key, password=lambda: b""))
    if settings.client_ca is not None:
        authorities = settings.client_ca
        _try("client_ca", authorities, lambda: context.load_verify_locations(authorities))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _try(key: str, path: Path, load: Callable[[], object]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        why = {"KEY_VALUES_MISMATCH": "is not the key of server_cert", "BAD_DECRYPT": "has a password"}
        reason = why.get(error.reason or "", f"is no PEM file of what it should be ({error.reason or 'damaged'})")
        raise WrongFile(key, path, reason) from None
    except (OSError, ValueError, TypeError) as error:
        raise WrongFile(key, path, str(error)) from None


def _stamp(settings: ServingTls) -> tuple[object, ...]:
    """What changes when a file does."""
    found: list[object] = []
    for _, path in settings:
        try:
            state = path.stat() if path is not None else None
        except OSError:
            state = None
        found.append(state and (state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)
