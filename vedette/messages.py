"""The messages between the stages: one frozen class each. Their JSON Schemas are generated into `vedette/schemas/`.

Readers ignore fields they don't know and accept new enum values; a breaking change is a new `type` version.
Frames themselves are JPEG with headers: see `vedette/frames.py`.
"""

import datetime as dt
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AwareDatetime, ConfigDict, Field, PlainSerializer

from vedette.documented import Documented
from vedette.ids import Id

DETECTIONS_TYPE = "dev.vedette.detections.v1"
STATUS_TYPE = "dev.vedette.status.v1"
CLOUDEVENT_CONTENT_TYPE = "application/cloudevents+json"
SCHEMA_ROOT = "https://vedette.dev/schemas/"
_HALF_A_MILLISECOND = dt.timedelta(microseconds=500)


def rfc3339(moment: dt.datetime) -> str:
    """`moment` in UTC to the nearest millisecond, as in `2026-11-22T08:20:11.482Z`."""
    return (moment.astimezone(dt.UTC) + _HALF_A_MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A point in time, UTC, written with milliseconds."""

Fraction = Annotated[float, Field(ge=0, le=1)]


class Message(Documented):
    """What all messages have in common: frozen, and unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FrameRef(Message):
    """Which frame a message is about. Order within a camera is (epoch, seq)."""

    epoch: int
    """KV revision with which the camera's lease was taken; a recording's run id."""
    seq: int
    """Counts from 0 within the epoch."""
    pts: float | None = None
    """Presentation time in seconds on the stream's own timeline; the first frame of a stream may have none."""
    captured_at: Moment
    arrived_at: Moment
    clock: str
    """Where `captured_at` comes from: `rtcp`, `arrival` or `media` (recordings)."""
    width: int
    """Of the displayed picture of the stream, in pixels."""
    height: int
    gate: str = "open"
    """Why the frame was sampled: `open`, `onset` or `refresh`."""
    picture: int | None = None
    """Sequence in the stream `PICTURES` of the JPEG that was inferred, where it was kept."""
    final: bool = False
    """The last frame of a recording."""


class Model(Message):
    """The model that made the detections."""

    name: Id
    version: str
    digest: str
    """`sha256:` and the hexadecimal digest of the model's file."""


class Detection(Message):
    """One object in one frame."""

    label: str
    confidence: Fraction
    bbox: tuple[Fraction, Fraction, Fraction, Fraction]
    """x, y, width, height of the displayed picture, origin top left, 0 to 1, 5 decimals."""
    attributes: dict[str, str | float | bool] = Field(default_factory=dict)


class Timing(Message):
    """Where the milliseconds went."""

    decode_ms: float | None = None
    """Video decoding of this frame at the gateway."""
    encode_ms: float | None = None
    """Scaling and JPEG encoding at the gateway."""
    prepare_ms: float = 0.0
    """JPEG decoding and resizing in the worker."""
    queue_ms: float
    """Waiting for a place in a batch."""
    infer_ms: float
    """The batch's inference."""
    total_ms: float | None = None
    """From arrival of the frame at the gateway to the end of inference; absent in recordings."""
    cascade_ms: float | None = None
    """From then until the further stages had answered, or their time was over; only in cascades."""
    batch_size: int


class Input(Message):
    """What the worker thinks of the picture that it inferred; only where the pipeline has a `guard`."""

    verdict: str
    """`ok`, `suspect` or `rejected`."""
    reasons: tuple[str, ...] = ()
    """Why it is not ok: `small`, `large`, `aspect`, `dark`, `bright`, `blurred`, `disagreement`."""
    luminance: float | None = None
    """Mean luma, 0 to 255."""
    sharpness: float | None = None
    """Variance of the Laplacian at half the model's size; to be compared within a camera."""
    hash: str | None = None
    """dHash, 16 hexadecimal digits; similar pictures differ in few of its 64 bits."""
    disagreement: Fraction | None = None
    """Of the model's answers on the picture and on squeezed copies of it, where that was checked."""


class Detections(Message):
    """All detections in one frame; there is one such message for every frame inferred."""

    site: Id
    camera: str
    pipeline: Id
    frame: FrameRef
    model: Model
    detections: tuple[Detection, ...]
    incomplete: tuple[str, ...] = ()
    """Stages of a cascade whose answer is missing."""
    stages: tuple[Model, ...] = ()
    """The models of further stages that have answered."""
    timing: Timing | None = None
    input: Input | None = None
    """A rejected picture has no detections, unless the pipeline wants them all the same."""
    error: str | None = None
    """Why there are no detections: only with `delivery: complete`, where a bad frame gives a message too."""


UNASSIGNED = "unassigned"
"""State of a camera for which no gateway has room."""
CAMERA_REMOVED = "the camera was removed"
"""The reason of a camera's last status."""


class SubstreamStatus(Message):
    """A camera's second stream."""

    codec: str
    width: int
    height: int
    view: tuple[float, float, float, float]
    """x, y, width, height of the rectangle that it shows, in fractions of the main stream's picture."""
    view_known: str
    """How: `given`, `measured`, or `assumed` to be the whole, as it couldn't be measured."""
    reason: str | None = None
    """Why it couldn't."""
    pipelines: tuple[str, ...]
    """Whose frames come from it; those of the camera's others from the main stream."""


class Status(Message):
    """A camera's state: published at every change and every 10 s."""

    site: Id
    camera: str
    state: str
    """`connecting`, `live`, `stalled` or `offline`; `unassigned` while no gateway has room for it."""
    reason: str | None = None
    """Why it is not live, in a few words."""
    since: Moment
    """When the state began; an attempt to connect in between does not end `offline`."""
    gateway: str
    epoch: int | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    source_fps: float | None = None
    sampled_fps: float | None = None
    cpu: float | None = None
    """Cores that reading and decoding it takes, over the last few seconds; 0.25 is a quarter of one."""
    decode: str | None = None
    """What is decoded: `keyframes`, `lazy` (nothing after a GOP's last sample), `nonref` (no frame to which none
    refers), `lazy+nonref` or `all`."""
    gate: str | None = None
    """The activity gate: `idle`, `armed` or `open`; absent where the camera has none."""
    gate_reason: str | None = None
    """Why the gate decodes every frame, where it does: keyframes alone would see too little."""
    clock: str | None = None
    """Whose time `captured_at` of the frames is: `rtcp`, `arrival` or `media`."""
    clock_off_s: float | None = None
    """How far the camera's clock is behind the gateway's (negative: ahead), where it is too far off to be believed."""
    substream: SubstreamStatus | None = None
    """With it, `codec`, `width` and `height` are the main stream's, and what is said of decoding and the gate is of the
    substream, if any pipeline or the gate is on it."""
    reconnects: int = 0
    refused: str | None = None
    """Why the latest change of its configuration was not taken, where it was not: what is said here runs without it."""


class Served(Message):
    """A worker's note that a camera's token was acknowledged; the gateway offers a newer frame's token on it."""

    epoch: int
    seq: int
    """-1: no frame was found."""
    outcome: str
    """`inferred`, `rejected` (by the input guard), `expired`, `undecodable`, `failed`, `repeated` or `missing`."""
    age_ms: float | None = None
    queue_ms: float | None = None
    """In the batcher."""
    waited_ms: float | None = None
    """How long the token had waited for its turn when a worker took it."""


class Hint(Message):
    """Someone downstream knows that an object moves before a camera."""

    until: Moment
    """And will, as far as can be told."""


Data = TypeVar("Data", bound=Message)


class CloudEvent(Message, Generic[Data]):
    """The envelope of events: CloudEvents 1.0, structured JSON. `id` is also the `Nats-Msg-Id`."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: Moment
    datacontenttype: str = "application/json"
    dataschema: str
    traceparent: str | None = None
    """Where frames are traced: the trace that the event is part of, and the span that it comes from (W3C Trace Context;
    CloudEvents' extension for distributed tracing)."""
    data: Data


DetectionsEvent = CloudEvent[Detections]
StatusEvent = CloudEvent[Status]


def detections_event(data: Detections, traceparent: str | None = None) -> DetectionsEvent:
    """The event of one frame's detections; its id is the same whoever makes it, so that doubles fall away."""
    frame = data.frame
    return DetectionsEvent(
        id=f"{data.site}/{data.camera}/{data.pipeline}/{frame.epoch}-{frame.seq}",
        source=f"/vedette/{data.site}/{data.camera}",
        type=DETECTIONS_TYPE,
        subject=data.camera,
        time=frame.captured_at,
        dataschema=f"{SCHEMA_ROOT}detections.v1.json",
        traceparent=traceparent,
        data=data,
    )


def status_event(data: Status, now: dt.datetime) -> StatusEvent:
    """The event of a camera's state at `now`."""
    return StatusEvent(
        id=f"{data.site}/{data.camera}/status/{data.gateway}-{int(now.timestamp() * 1000)}",
        source=f"/vedette/{data.site}/{data.camera}",
        type=STATUS_TYPE,
        subject=data.camera,
        time=now,
        dataschema=f"{SCHEMA_ROOT}status.v1.json",
        data=data,
    )
