"""Why a source can't be opened: FFmpeg's errors in a field technician's words.

The texts of PyAV's errors hold the URL with its password: they are never passed on, only `strerror` is.
"""

import errno
from collections.abc import Mapping
from pathlib import Path

import av
import av.error

from gateway.errors import Reason, SourceError
from gateway.sources.contact import hindrance
from gateway.sources.inputs import is_device, is_live
from gateway.sources.tls import Tls

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


def diagnose(url: str, error: av.FFmpegError, elapsed_s: float, timeout_s: float, tls: Tls) -> SourceError:
    """The reason why `url` could not be opened, from FFmpeg's error and from how long it took.

    May look up the host, connect to it and ask what it speaks, for at most a second each: FFmpeg has one error for an
    unknown name, a closed connection and a failed handshake.
    """
    if is_device(url):
        return _unusable(url, error)
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
    # What is left differs from time to time: the connection fails, or what the host says makes no sense.
    return hindrance(url, tls) or SourceError(
        Reason.UNDECODABLE, f"{url}: the server closed the connection or sends no video"
    )


_DEVICE: Mapping[int, tuple[Reason, str]] = {
    errno.ENOENT: (Reason.NOT_FOUND, "there is no such device"),
    errno.ENODEV: (Reason.NOT_FOUND, "the device is gone"),
    errno.ENXIO: (Reason.NOT_FOUND, "the device is gone"),
    errno.EACCES: (Reason.UNREADABLE, "it may not be read; is the user in the group video?"),
    errno.EPERM: (Reason.UNREADABLE, "it may not be read; is the user in the group video?"),
    errno.EBUSY: (Reason.UNREADABLE, "another program uses it"),
    errno.ENOTTY: (Reason.UNREADABLE, "it is no camera"),
    errno.EINVAL: (Reason.UNREADABLE, "it is no camera, or has no format that can be read"),
}


def _unusable(url: str, error: av.FFmpegError) -> SourceError:
    reason, text = _DEVICE.get(error.errno or 0, (Reason.UNREADABLE, error.strerror or "it can't be read"))
    return SourceError(reason, f"{url}: {text}")


def _unreadable(path: str, error: av.FFmpegError) -> SourceError:
    """What is wrong with a file: an MP4's index comes last, so one that is cut off says nothing about itself."""
    if not isinstance(error, av.error.InvalidDataError):
        return SourceError(Reason.UNREADABLE, f"{path}: {error.strerror}")
    with Path(path.removeprefix("file:")).open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return SourceError(Reason.TRUNCATED, f"{path}: the file is cut off; an MP4 without its index")
    return SourceError(Reason.UNDECODABLE, f"{path}: this is no video")
