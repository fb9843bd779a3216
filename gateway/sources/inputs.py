"""What FFmpeg is told for each kind of URL. Pure.

Every kind of source that a camera may have is here, with the one or two ways in which it is tried.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gateway.errors import Reason, SourceError
from gateway.reading.interface import Carrier, Transport
from gateway.sources.tls import Tls

_DEVICES = "/dev/video"
_QUICK = {"fpsprobesize": "0"}
"""Opens in 0.4 s instead of 2.4 s at 10 fps: the rate is measured, not waited for."""
SILENT_S = 15.0
"""A connection is over after so long without a byte: longer than any pause that is no failure, such as one between two
segments of HLS."""
_ENDS_ITSELF = {"timeout": str(round(SILENT_S * 1e6))}
"""FFmpeg's RTSP looks after its socket: asking Python whether to go on costs a turn at the interpreter for each piece
of a packet."""
_VIDEO_ONLY = {"allowed_media_types": "video"}
"""Other media are not set up: nobody reads them."""
_RTMP = {"rtmp_live": "live", "analyzeduration": "1000000"}
"""A second instead of five in which sound might yet begin."""
_ONLY_HTTP = {"protocol_whitelist": "http,https,tcp,tls,crypto"}
"""A playlist can name any URL; it must not name a file of this machine."""


_NO_PLAYLIST = {"format_whitelist": "mpjpeg,mpegts,flv,mov,matroska,mpeg,ogg,ivf,h264,hevc"}
_UNCHECKED = "FFmpeg does not check every server's certificate; with tls: {verify: false} it is read all the same"
"""FFmpeg 8.1 forgets the TLS options of what it opens second: the POST of the tunnel, the segments of HLS."""


@dataclass(frozen=True, slots=True)
class Input:
    """One way to open a source."""

    url: str
    """For FFmpeg."""
    carrier: Carrier
    options: dict[str, str]
    format: str | None = None
    """Where it doesn't follow from the URL or the data."""
    polled: bool = False
    """Reading can go on after a time-out. FFmpeg can do that with datagrams alone: in a connection it forgets the part
    of a packet that it has read, and takes what follows for the beginning of another."""

    @property
    def live(self) -> bool:
        return self.carrier != "file"

    @property
    def ends_itself(self) -> bool:
        """Whether FFmpeg gives a silent connection up without being asked to."""
        return _ENDS_ITSELF.items() <= self.options.items()

    @property
    def video_only(self) -> bool:
        """Whether nothing is known of what else it sends."""
        return _VIDEO_ONLY.items() <= self.options.items()


def is_live(url: str) -> bool:
    """Whether `url` is a stream or a device; else it is a file."""
    return is_device(url) or ("://" in url and not url.startswith("file:"))


def is_device(url: str) -> bool:
    """Whether `url` is a camera of this machine."""
    return url.startswith((_DEVICES, "v4l2:"))


def inputs_of(url: str, transport: Transport, tls: Tls) -> tuple[Input, ...]:
    """The ways to open `url`, best first; a further one is for where the server refuses a transport.

    Raises:
        SourceError: unsupported_url.
    """
    if not is_live(url):
        return (Input(url, "file", {}),)
    if is_device(url):
        path = url.removeprefix("v4l2:").removeprefix("//")
        return (Input(path, "device", {}, format="v4l2"),)
    match url.partition("://")[0].lower():
        case "unix":  # a publisher's pictures, see `gateway.whip`
            return (Input(url, "webrtc", _QUICK, format="ivf"),)
        case "rtsp":
            return tuple(_rtsp(url, carrier) for carrier in _carriers(transport))
        case "rtsps":
            return (_rtsps(url, transport, tls),)
        case "http":
            return (Input(url, "http", _QUICK | _ONLY_HTTP),)
        case "https":
            return (_https(url, tls),)
        case "rtmp":
            return (Input(url, "rtmp", _QUICK | _RTMP),)
        case "rtmps":
            return (Input(url, "rtmps", _QUICK | _RTMP | _checks(tls)),)
    raise SourceError(Reason.UNSUPPORTED_URL, f"{url}: this kind of URL is not supported")


def _carriers(transport: Transport) -> tuple[Literal["tcp", "udp", "http"], ...]:
    return ("tcp", "udp") if transport == "auto" else (transport,)


def _rtsp(url: str, carrier: Literal["tcp", "udp", "http"]) -> Input:
    if carrier == "http":
        url = _at_port(url, 80)
    own = _ENDS_ITSELF if carrier == "tcp" else {}
    return Input(url, carrier, {"rtsp_transport": carrier, **_QUICK, **_VIDEO_ONLY, **own}, polled=carrier == "udp")


def _rtsps(url: str, transport: Transport, tls: Tls) -> Input:
    """TLS from the first byte, or the tunnel through HTTPS, which FFmpeg knows as a transport of `rtsp://`."""
    options = _QUICK | _VIDEO_ONLY | _checks(tls)
    if transport == "http" and tls.verify:
        raise SourceError(Reason.CERTIFICATE, f"{url}: of the tunnel's two connections {_UNCHECKED}")
    if transport == "udp":
        raise SourceError(Reason.UNSUPPORTED_URL, f"{url}: over UDP its pictures would not be encrypted; use tcp")
    if transport != "http":
        return Input(url, "tcp", {"rtsp_transport": "tcp", **options})
    tunnelled = _at_port("rtsp" + url[len("rtsps") :], 443)
    return Input(tunnelled, "https", {"rtsp_transport": "https", **options})


def _at_port(url: str, port: int) -> str:
    """`url` with this port, where it has none."""
    parts = _split(url)
    return url if parts.port else urlunsplit(parts._replace(netloc=f"{parts.netloc}:{port}"))


def _split(url: str) -> SplitResult:
    """The parts of `url`, whose port is a number."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0:  # asked for, since the library looks at it only now
            return parts
    raise SourceError(Reason.UNSUPPORTED_URL, f"{url}: not a URL")  # the library's error quotes the password


def _https(url: str, tls: Tls) -> Input:
    options = _QUICK | _ONLY_HTTP | _checks(tls)
    if not tls.verify:
        return Input(url, "https", options)
    if _split(url).path.lower().endswith(".m3u8"):
        raise SourceError(Reason.CERTIFICATE, f"{url}: of the playlist's segments {_UNCHECKED}")
    return Input(url, "https", options | _NO_PLAYLIST)


def _checks(tls: Tls) -> dict[str, str]:
    """FFmpeg's TLS options. Its own default is to check nothing, and GnuTLS in PyAV's wheel knows no system's CAs."""
    if not tls.verify:
        return {"tls_verify": "0"}
    authorities = tls.authorities
    return {"tls_verify": "1", **({"ca_file": str(authorities)} if authorities else {})}
