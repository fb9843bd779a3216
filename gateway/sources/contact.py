"""What stands in the way of talking to a camera's server: its name, its port, its certificate, its language."""

import socket
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from gateway.errors import Reason, SourceError
from gateway.sources.tls import Tls

_PORTS: Mapping[str, int] = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935, "rtmps": 443}
_ENCRYPTED = ("rtsps", "https", "rtmps")
_STEP_S = 1.0


def hindrance(url: str, tls: Tls) -> SourceError | None:
    """Look up the host of `url`, connect, and greet it, for at most a second each; None if nothing is in the way.

    No credentials are sent.
    """
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        address = (parts.hostname or "", parts.port or _PORTS.get(scheme, 554))
    except ValueError:
        return SourceError(Reason.UNSUPPORTED_URL, f"{url}: not a URL")
    try:
        with socket.create_connection(address, _STEP_S) as connection:
            if scheme in _ENCRYPTED:
                return _untrusted(url, connection, address[0], tls)
            return _not_rtsp(url, connection, parts) if scheme == "rtsp" else None
    except (socket.gaierror, UnicodeError):  # UnicodeError: with a dot too many it is no name at all
        return SourceError(Reason.UNKNOWN_HOST, f"{url}: the host's name is not known")
    except TimeoutError:
        return SourceError(Reason.TIMEOUT, f"{url}: the host does not answer")
    except ConnectionRefusedError:
        return SourceError(Reason.REFUSED, f"{url}: nothing listens there")
    except OSError as error:
        return SourceError(Reason.UNREACHABLE, f"{url}: {error.strerror}")


def _untrusted(url: str, connection: socket.socket, host: str, tls: Tls) -> SourceError | None:
    """What is wrong with the server's certificate, in OpenSSL's words."""
    try:
        context = _context(tls)
    except OSError as error:  # SSLError is one
        return SourceError(Reason.CERTIFICATE, f"{url}: {tls.authorities}: {error.strerror or 'no certificates in it'}")
    try:
        context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return SourceError(
            Reason.CERTIFICATE, f"{url}: the server's certificate is not trusted: {error.verify_message}"
        )
    except ssl.SSLError:
        return SourceError(Reason.PROTOCOL, f"{url}: what listens there does not speak TLS")
    except OSError:
        return None  # it hung up; that says nothing of its certificate
    return None


def _context(tls: Tls) -> ssl.SSLContext:
    if tls.verify:
        return ssl.create_default_context(cafile=tls.authorities)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _not_rtsp(url: str, connection: socket.socket, parts: SplitResult) -> SourceError | None:
    """Whether the server answers a request of RTSP (RFC 2326, 10.1) with anything else."""
    try:
        connection.sendall(f"OPTIONS rtsp://{parts.hostname}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        answer = connection.recv(64)
    except OSError:
        return None
    if not answer or answer.startswith(b"RTSP/"):
        return None
    what = "a web server" if answer.startswith(b"HTTP/") else "something that does not speak RTSP"
    return SourceError(Reason.PROTOCOL, f"{url}: {what} answers there")
