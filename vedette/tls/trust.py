"""Whose certificates are believed, where this process connects to somebody's TLS."""

import ssl

from vedette.config.camera_settings import Tls
from vedette.errors import ConfigError


def trust(tls: Tls) -> ssl.SSLContext:
    """A context for clients. Reads files: not for the event loop.

    Raises:
        ConfigError: the certificates of `tls` can't be read.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca if tls.verify else None)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError) else "holds no certificates in PEM"
        raise ConfigError(f"tls.ca: {tls.ca}: {reason}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
