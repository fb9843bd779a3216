"""TLS towards the bus: a context of the files as they are."""

import ssl
from dataclasses import dataclass

from vedette.config.problems import KeyPath
from vedette.config.tls_settings import ClientTls
from vedette.tls.files import Files, note_expiry, read_files, use

PLACE: KeyPath = ("nats", "tls")


@dataclass(frozen=True, slots=True, eq=False)
class ClientCertificates:
    """What a connection is made with."""

    files: Files
    context: ssl.SSLContext


def load_client(settings: ClientTls, place: KeyPath = PLACE) -> ClientCertificates:
    """The files, and a context of these; the metric is told when the own certificate ends. `place` is where `settings`
    are in the configuration, and its first word the metric's label.

    Raises:
        ConfigError: a file can't be used; names key and file.
    """
    files = read_files(settings, place)
    context = ssl.create_default_context() if settings.ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authorities, certificate, key = settings.ca, settings.certificate, settings.key
    if authorities is not None:
        use(place, "ca", authorities, lambda: context.load_verify_locations(authorities), "certificate")
    if certificate is not None and key is not None:
        use(place, "certificate", certificate, lambda: _trusting(certificate), "certificate")
        use(place, "key", key, lambda: context.load_cert_chain(certificate, key, password=lambda: b""), "certificate")
        note_expiry(files["certificate"], str(place[0]))
    return ClientCertificates(files, context)


def _trusting(certificate: object) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(str(certificate))
