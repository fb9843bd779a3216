"""The configuration: one YAML file for every service, read by `vedette/config_file.py` into these frozen classes.

Unknown keys are errors. Durations and sizes carry their unit in the name.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vedette.events_settings import Events, Line, Mask, Zone
from vedette.guard_settings import Guard
from vedette.ids import Id, default_site
from vedette.secret import SecretText, SecretTree, SecretUrl
from vedette.serving_settings import Serving
from vedette.settings import Flag, Fraction, Settings

SOURCE_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "v4l2", "file")
STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps")
ENCRYPTED_SCHEMES = ("rtsps", "https", "rtmps")
_DEVICE = re.compile(r"(v4l2://)?/dev/video\d+")
_SOURCES = "rtsp://…, rtsps://…, http(s)://…, rtmp(s)://…, v4l2:///dev/video0 or a file's path is"
WHIP = "whip"
"""The URL of a camera that is published to."""
_UNENCODED = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://(.*\s|[^/?#]*[/?#].*@)", re.DOTALL)
"""A URL with white space, or with an `@` of which nobody knows whether a password or the path has it."""

_Shift = Annotated[float, Field(ge=-8, le=8)]
_Extent = Annotated[float, Field(ge=0.05, le=8)]
Point = tuple[Fraction, Fraction]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]


class Address(Settings):
    """A host and a port to listen on, written `host:port`; port 0 is a free one."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()):
            raise ValueError("must be host:port, as in 127.0.0.1:8080")
        return {"host": host.strip("[]"), "port": int(port)}

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def with_offset(self, offset: int) -> "Address":
        """The same host, `offset` ports up; a free port stays a free port."""
        return self if self.port == 0 else Address(host=self.host, port=self.port + offset)


def _address(text: str) -> Any:
    return Field(default_factory=lambda: Address.model_validate(text))


class Listen(Settings):
    """Where the processes of this machine listen."""

    nats: Address = _address("127.0.0.1:4222")
    """The embedded nats-server; default 127.0.0.1:4222."""
    gateway: Address = _address("127.0.0.1:8080")
    """Health, metrics and API of the gateway, and where cameras publish; default 127.0.0.1:8080."""
    inference: Address = _address("127.0.0.1:8000")
    """HTTP of the first inference process (REST, health, metrics), each further one 10 ports up; default
    127.0.0.1:8000."""
    grpc: Address | None = None
    """The same of gRPC. Default: the port after that of HTTP."""
    events: Address = _address("127.0.0.1:8090")
    """Health and metrics of the events worker; default 127.0.0.1:8090."""


class Nats(Settings):
    """An existing NATS server. Left out, `vedette up` runs an embedded one."""

    url: SecretUrl
    """`nats://` or `tls://`, with user and password if it needs them."""
    credentials: SecretText | None = None
    """The text of a `.creds` file, usually `${file:/run/secrets/nats.creds}`."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Copies of each stream; 3 in a cluster. Default 1."""


class Sampling(Settings):
    """Which frames of a stream are looked at."""

    fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """Frames a second; above the source's own rate every frame is taken."""
    min_fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """While workers are behind, the rate is lowered down to this, before frames are made in vain. Default fps / 20."""
    max_fps: Annotated[float, Field(gt=0, le=120)] | None = None
    """While something happens in the picture, and workers have time for it. Default fps."""
    keyframes: Flag = False
    """Only the stream's keyframes, whenever they come."""

    @model_validator(mode="after")
    def _consistent(self) -> "Sampling":
        if self.keyframes == (self.fps is not None):
            raise ValueError("needs one of both: fps, or keyframes: true")
        if self.fps is None and (self.min_fps or self.max_fps):
            raise ValueError("min_fps and max_fps need fps")
        if self.fps is not None and not (self.min_fps or self.fps) <= self.fps <= (self.max_fps or self.fps):
            raise ValueError("must be min_fps <= fps <= max_fps")
        return self


def _as_tuple(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict) else (value,)


def _scheme(url: SecretUrl) -> str:
    """Its scheme. Raises ValueError, without a word of the URL in it."""
    if _UNENCODED.match(url.reveal()):
        raise ValueError("has a space, or an @ after a / or ?: percent-encode it (or use ${NAME}, which does)")
    try:
        return urlsplit(url.reveal()).scheme
    except ValueError:
        # The library's text quotes the password (and must not be chained).
        raise ValueError("is no valid URL; percent-encode special characters of the password") from None


def _source_url(url: SecretUrl) -> SecretUrl:
    if url.reveal() == WHIP:
        return url
    scheme = _scheme(url)
    if "://" in url.reveal() and scheme not in SOURCE_SCHEMES:
        raise ValueError(f"{scheme}:// is {_IMPOSSIBLE.get(scheme, 'not a source')}; {_SOURCES}")
    if scheme == "v4l2" and not _DEVICE.fullmatch(url.reveal()):
        raise ValueError("must be v4l2:///dev/video and a number")
    return url


_IMPOSSIBLE = {"srt": "not possible, since the FFmpeg in PyAV's package has no SRT"}


class Tls(Settings):
    """How the certificate of a camera's server is checked, where its URL is of a scheme with TLS."""

    verify: Flag = True
    """false: whoever answers is believed; the connection is encrypted all the same. Default true: the certificate must
    be the host's and trusted."""
    ca: Path | None = None
    """PEM file of the certificates to trust (relative to the configuration file). Default: the system's."""


def _webhook_url(url: SecretUrl) -> SecretUrl:
    if _scheme(url) not in ("http", "https") or not urlsplit(url.reveal()).hostname:
        raise ValueError("must be http://… or https://…, with a host")
    return url


class Recovery(Settings):
    """What is done about a camera that fails again and again."""

    after: Annotated[int, Field(ge=1, le=1000)] = 5
    """Failures in a row, without ten seconds of pictures between them. Default 5."""
    webhook: Annotated[SecretUrl, AfterValidator(_webhook_url)] | None = None
    """Told by a POST of JSON, once an outage."""
    reboot: Annotated[SecretUrl, AfterValidator(_webhook_url)] | None = None
    """The camera's ONVIF device service, `http://user:password@10.0.0.5/onvif/device_service`: it is told to restart,
    once an outage."""


class Gate(Settings):
    """The activity gate: an idle scene costs its keyframes, nothing else is decoded."""

    mode: Literal["off", "activity"] = "off"
    """`activity`: only what moves is decoded and inferred, from its onset on. Default off."""
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
    """A camera's second, smaller stream; written as its URL, or with `url` and `view`."""

    url: Annotated[SecretUrl, AfterValidator(_stream_url)]
    """As the camera's; a network stream. `transport`, `tls`, `decode` and `matrix` of the camera are for both."""
    view: SubstreamView | None = None
    """Default: measured, by matching the two pictures."""

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


class FrameSize(Settings):
    """The picture that a pipeline works on."""

    width: Annotated[int, Field(ge=32, le=7680)] = 640
    """Pixels; the height follows from the stream. Never upscaled. Default 640."""
    quality: Annotated[int, Field(ge=10, le=100)] = 85
    """JPEG quality. Default 85."""


class Stage(Settings):
    """A model's place in a pipeline."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(@\S+)?$")]
    """A model and which version: `coco-detector`, `coco-detector@1.0.0`, `coco-detector@^1`."""
    labels: tuple[str, ...] | None = None
    """Only these labels. Default: all of the model's."""
    confidence: Fraction | None = None
    """Only detections at or above this. Default: the model's own threshold."""

    @property
    def model_name(self) -> str:
        return self.model.partition("@")[0]


class Pipeline(Settings):
    """What is done with a camera's frames."""

    frame: FrameSize = FrameSize()
    sampling: Sampling = Sampling(fps=2)
    """For cameras that don't say their own. Default fps 2."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=1)]
    """The models; one, in this version."""
    guard: Guard | None = None
    """What is measured and expected of the pictures. Default: nothing, and messages have no `input`."""

    @property
    def model_name(self) -> str:
        return self.stages[0].model_name


def _repository_url(url: SecretUrl) -> SecretUrl:
    if not _scheme(url) or "://" not in url.reveal() or "::" in url.reveal():
        raise ValueError("must be a URL, as in s3://bucket/prefix")
    return url


class Models(Settings):
    """The model repository: a folder (`path`), an object-store bucket on the bus (`bucket`), or a `url`."""

    path: Path = Path("models")
    """A folder, relative to the configuration file. Default models."""
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """An object-store bucket in NATS, `vedette-models`; `vedette models pull … --from` makes and fills it."""
    url: Annotated[SecretUrl, AfterValidator(_repository_url)] | None = None
    """`s3://bucket/prefix`, or another one that fsspec knows; wants `pip install 'vedette[s3]'`."""
    options: dict[str, SecretTree] = Field(default_factory=dict)
    """Of `url`, the arguments of its file system: `{key: "${S3_KEY}", secret: "${file:/run/secrets/s3}", endpoint_url:
    "http://10.0.0.9:9000"}`."""
    cache_gib: Annotated[float, Field(ge=0, le=65536)] = 4
    """Bound of what is kept of a bucket or URL on this machine; models in use stay. Default 4."""
    poll_s: Annotated[float, Field(ge=0.1, le=86400)] = 5
    """How often the repository is looked at for new versions, in seconds. Default 5."""

    @model_validator(mode="after")
    def _one_place(self) -> "Models":
        places = {"path": self.path != Path("models"), "bucket": self.bucket is not None, "url": self.url is not None}
        said = [key for key, is_said in places.items() if is_said]
        if len(said) > 1:
            raise ValueError(f"has {' and '.join(said)}: a repository is in one place")
        if self.options and self.url is None:
            raise ValueError("options are of a url, and there is none")
        return self

    @property
    def where(self) -> str:
        """The place, secrets masked."""
        if self.bucket is not None:
            return f"the bucket {self.bucket} on the bus"
        return str(self.path if self.url is None else self.url)


class Inference(Settings):
    """How inference processes work."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|(cuda|tensorrt)(-fp32)?(:\d{1,3})?)$")] = "auto"
    """`auto` (CUDA if it works, else the CPU), `cpu`, `cuda`, `cuda:N`, `tensorrt`, `tensorrt:N`; `-fp32` behind the
    name keeps to float32. One that is named and not there is an error. Default auto."""
    sessions: Annotated[int, Field(ge=1, le=64)] = 2
    """ONNX Runtime sessions a process, each in a thread of its own. Default 2."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads a session; 0 shares the machine's cores out among the sessions. Default 0."""
    replicas: Annotated[int, Field(ge=0, le=64)] = 1
    """Processes a model that `vedette up` starts. Default 1."""
    budget_ms: Annotated[float, Field(gt=0)] = 1000
    """A live frame older than this is dropped, not inferred. Default 1000."""
    request_mib: Annotated[int, Field(ge=1, le=2047)] = 64
    """Bound of one request's body over HTTP, and message over gRPC. Default 64."""
    request_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10
    """How long a request waits for its answer that asks for no shorter time. Default 10."""


class Gateway(Settings):
    """How gateways work."""

    decode_processes: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that decode, at most; a camera is in one of them. 0: as many as there are cores. Default 0."""
    api_token: SecretText | None = None
    """What every request to the API has to carry (`Authorization: Bearer …`), usually `${file:/run/secrets/token}`.
    Without one the API changes nothing unless the gateway listens on loopback."""
    key_file: Path | None = None
    """The key that seals secrets of cameras in the KV bucket; all gateways of a site need the same one. Default:
    `.vedette/<site>/cameras.key`, made at the first start."""


class Turn(Settings):
    """A TURN server: relays between a gateway and publishers that can't reach one another."""

    url: Annotated[str, Field(pattern=r"^turns?:[^\s?:@/]+(:\d{1,5})?(\?transport=(udp|tcp))?$")]
    """`turn:host:port?transport=udp`, or `turns:…`."""
    username: Annotated[str, Field(pattern=r'^[^"\\\s]+$')]
    credential: SecretText
    """The gateway and every publisher that is let in use it."""


class WebRtc(Settings):
    """How publishers reach cameras with `url: whip`."""

    stun: tuple[Annotated[str, Field(pattern=r"^stun:[^\s?:@/]+(:\d{1,5})?$")], ...] = ()
    """`stun:host:port`; publishers are told of all, the gateway itself uses the first. Default: none."""
    turn: tuple[Turn, ...] = ()
    """The same of TURN servers. Default: none."""
    bitrate_kbps: Annotated[int, Field(ge=100, le=100_000)] = 4000
    """What publishers that adapt (browsers) begin with and send at most. Default 4000."""


class Retention(Settings):
    """How long, and how much, the streams keep."""

    detections_h: Annotated[float, Field(gt=0)] = 6
    """Hours of detections events. Default 6."""
    detections_gib: Annotated[float, Field(gt=0)] = 10
    """Bound of their size. Default 10."""
    events_days: Annotated[float, Field(gt=0)] = 7
    """Days of events. Default 7."""
    events_gib: Annotated[float, Field(gt=0)] = 10
    """Bound of their size. Default 10."""
    track_mib: Annotated[int, Field(gt=0)] = 128
    """Bound of the last minute's detections, in memory, as the events workers read them. Default 128."""
    pictures_s: Annotated[float, Field(gt=0)] = 60
    """Seconds that inferred pictures with detections are kept, in memory. Default 60."""
    pictures_mib: Annotated[int, Field(gt=0)] = 128
    """Bound of their size. Default 128."""
    frames_mib: Annotated[int, Field(gt=0)] = 256
    """Bound of the live frames (one a camera and pipeline). Default 256."""
    clips_mib: Annotated[int, Field(gt=0)] = 1024
    """Bound of the frames of recordings under way. Default 1024."""


class Simulator(Settings):
    """An RTSP server that plays video files as cameras, started by `vedette up`: for demonstrations and tests."""

    listen: Address = _address("127.0.0.1:8554")
    """Default 127.0.0.1:8554."""
    videos: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Each is served as rtsp://<listen>/<file name without its ending>; relative to the configuration file."""


class Config(Settings):
    """The whole file."""

    site: Id = Field(default_factory=default_site)
    """Default: the host's name made to fit."""
    nats: Nats | None = None
    """Default: an embedded server."""
    listen: Listen = Field(default_factory=Listen)
    cameras: dict[Id, Camera] = Field(default_factory=dict)
    pipelines: dict[Id, Pipeline] = Field(default_factory=dict)
    models: Models = Models()
    gateway: Gateway = Gateway()
    webrtc: WebRtc = WebRtc()
    inference: Inference = Inference()
    serving: Serving = Serving()
    events: Events = Events()
    retention: Retention = Retention()
    simulator: Simulator | None = None

    def sampling_of(self, camera: str, pipeline: str) -> Sampling:
        """The camera's own sampling, or the pipeline's."""
        return self.cameras[camera].sampling or self.pipelines[pipeline].sampling

    def model_names(self) -> tuple[str, ...]:
        """The models that the pipelines use, each once, in order."""
        return tuple(dict.fromkeys(pipeline.model_name for pipeline in self.pipelines.values()))
