"""An event on its way to a sink."""

import datetime as dt
from dataclasses import dataclass

from nats.aio.msg import Msg
from pydantic_core import from_json

from vedette.config.sinks_settings import Sink
from vedette.messages import CLOUDEVENT_CONTENT_TYPE
from vedette.tracing.context import HEADER as TRACEPARENT
from vedette.tracing.context import TraceContext

RECORDING_CLOCK = "media"
HEADERS = {"Content-Type": CLOUDEVENT_CONTENT_TYPE}


@dataclass(slots=True)
class SinkEvent:
    """One event, as it is in its stream."""

    id: str
    subject: str
    """`vedette.events.<site>.<camera>.<noun>.<verb>`"""
    payload: bytes
    """A CloudEvent, structured."""
    stored_at: dt.datetime
    sequence: int = 0
    """In the stream of events."""
    reply: str = ""
    """Where it is acknowledged."""
    attempts: int = 0
    """That failed, as far as this worker knows."""
    traceparent: str | None = None
    """Of the request that it is delivered by, where frames are traced."""

    @property
    def lane(self) -> str:
        """Whose order is kept: site and camera."""
        return ".".join(self.subject.split(".")[2:4])

    @property
    def kind(self) -> str:
        """`zone.enter`"""
        return ".".join(self.subject.split(".")[4:])


def sink_event(message: Msg) -> SinkEvent:
    """The event of a message of the stream; its id is what the server deduplicates by."""
    place, trace = message.metadata, TraceContext.parse((message.headers or {}).get(TRACEPARENT))
    return SinkEvent(
        id=(message.headers or {}).get("Nats-Msg-Id") or f"{message.subject}/{place.sequence.stream}",
        subject=message.subject,
        payload=message.data,
        stored_at=place.timestamp,
        sequence=place.sequence.stream,
        reply=message.reply,
        traceparent=None if trace is None else str(trace),
    )


def wanted(settings: Sink, event: SinkEvent) -> bool:
    """Whether the sink's configuration lets `event` through; so what can't be read."""
    if settings.kinds is not None and event.kind not in settings.kinds:
        return False
    if settings.cameras is not None and event.lane.partition(".")[2] not in settings.cameras:
        return False
    if settings.labels is None and settings.recordings:
        return True
    data = _data(event.payload)
    if not settings.recordings and _in(data, "frame", "clock") == RECORDING_CLOCK:
        return False
    label = _in(data, "object", "label")
    return settings.labels is None or label is None or label in settings.labels


def _data(payload: bytes) -> object:
    """Of the CloudEvent; not checked, as it is of this system, perhaps of a later version."""
    try:
        return _in(from_json(payload), "data")
    except ValueError:
        return None


def _in(content: object, *keys: str) -> object:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content
