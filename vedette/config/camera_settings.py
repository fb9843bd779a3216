"""One camera: where its stream is, and what is done with it before a frame is sampled."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vedette.config.events_settings import Line, Mask, Zone
from vedette.config.sampling_settings import Sampling
from vedette.config.settings import Flag, Fraction, Settings
from vedette.ids import Id
from vedette.secrets.secret import SecretText, SecretUrl
from vedette.secrets.url_scheme import scheme_of, web_url

SOURCE_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "v4l2", "file")
STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps")
ENCRYPTED_SCHEMES = ("rtsps", "https", "rtmps")
_DEVICE = re.compile(r"(v4l2://)?/dev/video\d+")
_SOURCES = "rtsp://…, rtsps://…, http(s)://…, rtmp(s)://…, v4l2:///dev/video0 or a file's path is"
WHIP = "whip"
"""The URL of a camera that is published to."""
_Shift = Annotated[float, Field(ge=-8, le=8)]
_Extent = Annotated[float, Field(ge=0.05, le=8)]
Point = tuple[Fraction, Fraction]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]


def _as_tuple(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict) else (value,)


def _source_url(url: SecretUrl) -> SecretUrl:
    if url.reveal() == WHIP:
        return url
    scheme = scheme_of(url)
    if "://" in url.reveal() and scheme not in SOURCE_SCHEMES:
        raise ValueError(f"{scheme}:// is {_IMPOSSIBLE.get(scheme, 'not a source')}; {_SOURCES}")
    if scheme == "v4l2" and not _DEVICE.fullmatch(url.reveal()):
        raise ValueError("must be v4l2:///dev/video and a number")
    return url


_IMPOSSIBLE = {"srt": "not possible, since the FFmpeg in PyAV's package has no SRT"}


class Tls(Settings):
    """How a server's certificate is checked, where the URL is of a scheme with TLS."""

    verify: Flag = True
    """false: whoever answers is believed; the connection is encrypted all the same. Default true: the certificate must
    be the host's and trusted."""
    ca: Path | None = None
    """PEM file of the certificates to trust (relative to the configuration file). Default: the system's."""


class Recovery(Settings):
    """What is done about a camera that fails again and again."""

    after: Annotated[int, Field(ge=1, le=1000)] = 5
    """Failures in a row, without ten seconds of pictures between them. Default 5."""
    webhook: Annotated[SecretUrl, AfterValidator(web_url)] | None = None
    """Told by a POST of JSON, once an outage."""
    reboot: Annotated[SecretUrl, AfterValidator(web_url)] | None = None
    """The camera's ONVIF device service, `http://user:password@10.0.0.5/onvif/device_service`: it is told to restart,
    once an outage."""


class Gate(Settings):
    """The activity gate: an idle scene costs its keyframes, nothing else is decoded."""

    mode: Literal["off", "activity"] = "off"
    """`activity`: only what moves is decoded and inferred, from its onset on. Default off."""
    idle: Literal["keyframes", "all"] = "keyframes"
    """What is decoded and looked at while nothing moves. `all`: every frame, so that nothing comes and goes unseen
    between two keyframes; for substreams, where that costs little. Default keyframes."""
    refresh_s: Annotated[float, Field(ge=1, le=86400)] = 30
    """A keyframe of an idle scene is inferred so often all the same, in seconds. Default 30."""
    ignore: tuple[Polygon, ...] = ()
    """Polygons in fractions of the displayed picture where movement is none: an on-screen clock, a flag. Those of
    `privacy` are ignored too."""


class Decode(Settings):
    """How a camera's stream is decoded."""

    device: Literal["cpu", "cuda", "vaapi", "qsv"] = "cpu"
    """One that is not there is an error. Default cpu."""
    strategy: Literal["auto", "all"] = "auto"
    """`all`: every frame is decoded, though samples don't need it. Default auto."""
    loop_filter: Literal["on", "off"] = "on"
    """`off` leaves out the deblocking filter: cheaper, blockier. Default on."""


def _stream_url(url: SecretUrl) -> SecretUrl:
    if urlsplit(_source_url(url).reveal()).scheme not in STREAM_SCHEMES:
        raise ValueError("must be a network stream, as in rtsp://…")
    return url


class SubstreamView(Settings):
    """The rectangle of the main stream's picture that the substream's shows, in fractions of the main picture."""

    offset: tuple[_Shift, _Shift]
    """Its top left corner, `[x, y]`; below 0 where the substream shows more."""
    scale: tuple[_Extent, _Extent]
    """Its width and height; `[1, 1]` with offset `[0, 0]` is the whole, whatever the pixels."""

    @model_validator(mode="after")
    def _overlaps(self) -> "SubstreamView":
        if not all(offset < 1 and offset + scale > 0 for offset, scale in zip(self.offset, self.scale, strict=True)):
            raise ValueError("lies outside of the main stream's picture")
        return self


class Substream(Settings):
    """A camera's second, smaller stream; written as its URL, or with `url` and more."""

    url: Annotated[SecretUrl, AfterValidator(_stream_url)]
    """As the camera's; a network stream. `transport`, `tls`, `decode` and `matrix` of the camera are for both."""
    view: SubstreamView | None = None
    """Default: measured, by matching the two pictures."""
    snapshots: Literal["inferred", "main"] = "inferred"
    """`main`: snapshots of objects are cut out of the main stream's picture of that moment, where it can be had; it is
    read while the gate is open, and for 20 s after a snapshot was wanted. Default: out of what was inferred."""

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str | SecretUrl) else value


class Camera(Settings):
    """One camera."""

    url: Annotated[SecretUrl, AfterValidator(_source_url)]
    """`rtsp://user:password@host:port/path` (or `rtsps`, `http`, `https`, `rtmp`, `rtmps`), `/dev/video0`, the path of
    a video file (relative to the configuration file), or `whip`: a publisher connects to /whip/<camera>."""
    substream: Substream | None = None
    """The camera's second URL: the gate and all pipelines whose frames are no wider run on it. Default: none."""
    token: SecretText | None = None
    """Of `url: whip`: what a publisher has to carry (`Authorization: Bearer …`). Default: everybody may publish."""
    pipeline: Annotated[tuple[Id, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    """The pipeline, or a list: one decode, each pipeline's frames at its own size."""
    enabled: Flag = True
    """false: it is kept, and not run. Default true."""
    sampling: Sampling | None = None
    """Default: the pipeline's."""
    priority: Literal["low", "normal", "high"] = "normal"
    """While workers are behind, each gets nearly twice the frames of the one before. Default normal."""
    gate: Gate = Gate()
    """Whether an idle scene is decoded. Default: it is."""
    decode: Decode = Decode()
    """Default: on the CPU, with every filter."""
    privacy: tuple[Polygon, ...] = ()
    """Polygons in fractions of the displayed picture; they are black before a JPEG exists."""
    zones: dict[Id, Zone] = Field(default_factory=dict)
    """Areas that objects enter and leave. Default: none."""
    lines: dict[Id, Line] = Field(default_factory=dict)
    """Lines that objects cross. Default: none."""
    masks: tuple[Mask, ...] = ()
    """Areas whose detections make no objects; the picture is inferred there all the same (see `privacy`)."""
    transport: Literal["auto", "tcp", "udp", "http"] = "auto"
    """How RTSP carries the pictures; `http` tunnels it through HTTP, of `rtsps://` through HTTPS. Default auto: TCP, or
    UDP where the camera refuses TCP."""
    tls: Tls = Tls()
    """How the server's certificate is checked. Default: it must be the host's, and trusted by the system."""
    loop: Flag = False
    """A file starts again at its end. Default: it is played once by the gateway that has it; another that takes the
    camera over plays it from its beginning."""
    matrix: Literal["bt601", "bt709"] | None = None
    """Colour matrix of the stream, where the camera says none or a wrong one. Default: the stream's tag, or BT.601."""
    recovery: Recovery | None = None
    """What is done when it fails again and again, beside trying on for ever. Default: nothing."""

    @property
    def is_file(self) -> bool:
        """Whether the source is a file rather than a network stream or a device."""
        return not (self.is_whip or self.is_device) and self.scheme in ("", "file")

    @property
    def is_device(self) -> bool:
        """Whether the source is a camera of this machine (V4L2)."""
        return _DEVICE.fullmatch(self.url.reveal()) is not None

    @property
    def scheme(self) -> str:
        """The URL's, in small letters; of a path it is empty."""
        return urlsplit(self.url.reveal()).scheme

    @property
    def is_whip(self) -> bool:
        """Whether somebody publishes to it over WebRTC."""
        return self.url.reveal() == WHIP

    @property
    def path(self) -> Path:
        """The file, where the source is one."""
        return Path(self.url.reveal().removeprefix("file://"))
