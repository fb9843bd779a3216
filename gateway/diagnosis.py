"""Why a source can't be opened: FFmpeg's errors in a field technician's words.

The texts of PyAV's errors hold the URL with its password: they are never passed on, only `strerror` is.
"""

import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import av
import av.error

from gateway.errors import Reason, SourceError

_RTSP_PORT = 554
_PROBE_S = 1.0
_CLEAR: Mapping[type[Exception], tuple[Reason, str]] = {
    av.error.HTTPUnauthorizedError: (Reason.UNAUTHORIZED, "wrong user name or password"),
    av.error.HTTPForbiddenError: (Reason.UNAUTHORIZED, "this user may not watch it"),
    av.error.HTTPNotFoundError: (Reason.NOT_FOUND, "the server has no such stream"),
    av.error.ConnectionRefusedError: (Reason.REFUSED, "nothing listens there"),
    av.error.ProtocolNotFoundError: (Reason.UNSUPPORTED_URL, "this kind of URL is not supported"),
    av.error.ExitError: (Reason.TIMEOUT, "no answer in time"),
    av.error.TimeoutError: (Reason.TIMEOUT, "no answer in time"),
    av.error.FileNotFoundError: (Reason.NOT_FOUND, "there is no such file"),
    av.error.IsADirectoryError: (Reason.UNREADABLE, "it is a directory, not a video"),
    av.error.PermissionError: (Reason.UNREADABLE, "it may not be read"),
    av.error.DecoderNotFoundError: (Reason.UNSUPPORTED_CODEC, "there is no decoder for it"),
}


def is_live(url: str) -> bool:
    """Whether `url` is a stream; else it is a file."""
    return "://" in url and not url.startswith("file:")


def diagnose(url: str, error: av.FFmpegError, elapsed_s: float, timeout_s: float) -> SourceError:
    """The reason why `url` could not be opened, from FFmpeg's error and from how long it took.

    May look up the host and connect to it, for at most a second each: FFmpeg has one error for an unknown name, a
    closed connection and a failed handshake.
    """
    for kind, (reason, text) in _CLEAR.items():
        if isinstance(error, kind):
            return SourceError(reason, f"{url}: {text}")
    if isinstance(error, (av.error.HTTPError, av.error.HTTPClientError)):
        return SourceError(Reason.REJECTED, f"{url}: {error.strerror}")
    if error.errno == errno.EPROTONOSUPPORT:
        return SourceError(Reason.TRANSPORT, f"{url}: the server does not serve this transport (461)")
    if not is_live(url):
        return _unreadable(url, error)
    if elapsed_s >= 0.9 * timeout_s:  # a black hole is reported as invalid data
        return SourceError(Reason.TIMEOUT, f"{url}: no answer in {elapsed_s:.0f} s")
    # The host can be reached and what it says makes no sense; FFmpeg's error differs from time to time.
    return _unreachable(url) or SourceError(
        Reason.UNDECODABLE, f"{url}: the server closed the connection or sends no video"
    )


def _unreadable(path: str, error: av.FFmpegError) -> SourceError:
    """What is wrong with a file: an MP4's index comes last, so one that is cut off says nothing about itself."""
    if not isinstance(error, av.error.InvalidDataError):
        return SourceError(Reason.UNREADABLE, f"{path}: {error.strerror}")
    with Path(path.removeprefix("file:")).open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return SourceError(Reason.TRUNCATED, f"{path}: the file is cut off; an MP4 without its index")
    return SourceError(Reason.UNDECODABLE, f"{path}: this is no video")


def _unreachable(url: str) -> SourceError | None:
    """What stands in the way of a plain TCP connection to the URL's host; None if nothing does."""
    try:
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or _RTSP_PORT)
    except ValueError:
        return SourceError(Reason.UNSUPPORTED_URL, f"{url}: not a URL")
    try:
        socket.create_connection(address, _PROBE_S).close()
    except socket.gaierror:
        return SourceError(Reason.UNREACHABLE, f"{url}: the host's name is not known")
    except TimeoutError:
        return SourceError(Reason.TIMEOUT, f"{url}: the host does not answer")
    except ConnectionRefusedError:
        return SourceError(Reason.REFUSED, f"{url}: nothing listens there")
    except OSError as error:
        return SourceError(Reason.UNREACHABLE, f"{url}: {error.strerror}")
    return None
