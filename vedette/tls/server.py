"""A server's certificate, read again when its files change.

A connection has the certificate that was there when it began. Python's live context can't be changed in one step (a
certificate without its key would be half of one): each new set of files gets a context of its own, to which the one
that the server listens with hands over when a client says hello.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vedette.background import background
from vedette.config.problems import KeyPath, dotted
from vedette.config.tls_settings import ServerTls
from vedette.errors import ConfigError
from vedette.tls.files import Files, note_expiry, read_files, stamp_of, use

logger = logging.getLogger(__name__)

LOOKS_S = 1.0


class ServerCertificates:
    """Those in use. `follow` looks after the files."""

    def __init__(self, settings: ServerTls, place: KeyPath) -> None:
        """`place`, as ("gateway", "tls"), is where `settings` are in the configuration; the metric has its first word.

        Raises:
            ConfigError: a file can't be used; names key and file.
        """
        self._settings = settings
        self._place = place
        self.files, self._current = load(settings, place)
        """As they are in use: another object after each change."""
        self._stamp = stamp_of(settings)
        note_expiry(self.files["server_cert"], str(place[0]))
        self.context = _context(settings, place)
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
        stamp = stamp_of(self._settings)
        if stamp == self._stamp:
            return False
        try:
            files, context = load(self._settings, self._place)
        except ConfigError as error:  # perhaps one file was replaced and the other one will be
            if str(error) != self._logged:
                logger.error("%s; the certificate of before stays in use", error)
            self._logged = str(error)
            return False
        self._stamp, self._logged = stamp, ""
        if files == self.files:
            return False
        self.files, self._current = files, context
        note_expiry(files["server_cert"], str(self._place[0]))
        logger.info("new certificate: %s", self._settings.server_cert)
        return True


@asynccontextmanager
async def served_with(settings: ServerTls | None, place: KeyPath) -> AsyncIterator[ssl.SSLContext | None]:
    """What to listen with while the body runs, new files as they come; None: plain text.

    Raises:
        ConfigError: a file can't be used.
    """
    if settings is None:
        yield None
        return
    certificates = await asyncio.to_thread(ServerCertificates, settings, place)
    async with background(certificates.follow()):
        yield certificates.context


def load(settings: ServerTls, place: KeyPath) -> tuple[Files, ssl.SSLContext]:
    """The files, and a context of just these. Raises ConfigError."""
    files = read_files(settings, place)
    context = _context(settings, place)
    if read_files(settings, place) != files:
        raise ConfigError(f"{dotted(place)}: the files are being changed")
    return files, context


def _context(settings: ServerTls, place: KeyPath) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # a session taken up again would not be checked against a new client_ca
    context.set_alpn_protocols(["http/1.1"])
    cert, key = settings.server_cert, settings.server_key

    def trust() -> None:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cert)

    use(place, "server_cert", cert, trust, "server_cert")
    use(place, "server_key", key, lambda: context.load_cert_chain(cert, key, password=lambda: b""), "server_cert")
    if settings.client_ca is not None:
        authorities = settings.client_ca
        use(place, "client_ca", authorities, lambda: context.load_verify_locations(authorities), "server_cert")
        context.verify_mode = ssl.CERT_REQUIRED
    return context
