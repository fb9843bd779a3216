"""A frame on the bus: JPEG bytes, and headers that say whose it is, when it was captured and how long it is worth."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from vedette.errors import MalformedMessage
from vedette.messages import FrameRef, rfc3339
from vedette.view import WHOLE, View

CONTRACT = "1"


@dataclass(frozen=True, slots=True)
class FrameHeaders:
    """The headers of `vedette.frame.…` and `vedette.clip.…`. Times are UTC, durations milliseconds."""

    epoch: int
    seq: int
    pts: float | None
    captured_at: dt.datetime
    clock: str
    age_ms: float
    """Age of the frame when it was published; a worker adds the time since the server stored it."""
    budget_ms: float | None
    """A frame older than this is dropped. None: never (`delivery: complete`)."""
    width: int
    height: int
    gate: str = "open"
    decode_ms: float | None = None
    encode_ms: float | None = None
    final: bool = False
    view: View = WHOLE
    """The part of the displayed picture that the JPEG shows, where it is of a substream; boxes are of the whole."""
    traceparent: str | None = None
    """Its trace, where frames are traced (W3C Trace Context)."""

    def encode(self) -> dict[str, str]:
        """As NATS headers."""
        headers = {
            "Vedette-Contract": CONTRACT,
            "Vedette-Epoch": str(self.epoch),
            "Vedette-Seq": str(self.seq),
            "Vedette-Captured-At": rfc3339(self.captured_at),
            "Vedette-Clock": self.clock,
            "Vedette-Age-Ms": f"{self.age_ms:.1f}",
            "Vedette-Size": f"{self.width}x{self.height}",
            "Vedette-Gate": self.gate,
        }
        durations = {"Budget-Ms": self.budget_ms, "Decode-Ms": self.decode_ms, "Encode-Ms": self.encode_ms}
        headers |= {f"Vedette-{name}": f"{value:.2f}" for name, value in durations.items() if value is not None}
        if self.pts is not None:
            headers["Vedette-Pts"] = f"{self.pts:.6f}"
        if self.final:
            headers["Vedette-Final"] = "1"
        if self.view != WHOLE:
            headers["Vedette-View"] = str(self.view)
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        return headers

    @classmethod
    def decode(cls, headers: Mapping[str, str]) -> "FrameHeaders":
        """Read NATS headers.

        Raises:
            MalformedMessage: a header is missing or isn't what it should be, or the contract is another version.
        """
        if headers.get("Vedette-Contract") != CONTRACT:
            raise MalformedMessage(f"Vedette-Contract is {headers.get('Vedette-Contract')!r}, not {CONTRACT!r}")
        try:
            width, height = (_count(side) for side in headers["Vedette-Size"].split("x"))
            return cls(
                epoch=_count(headers["Vedette-Epoch"]),
                seq=_count(headers["Vedette-Seq"]),
                pts=_optional(headers, "Vedette-Pts"),
                captured_at=_moment(headers["Vedette-Captured-At"]),
                clock=headers["Vedette-Clock"],
                age_ms=_number(headers["Vedette-Age-Ms"]),
                budget_ms=_optional(headers, "Vedette-Budget-Ms"),
                width=width,
                height=height,
                gate=headers.get("Vedette-Gate", "open"),
                decode_ms=_optional(headers, "Vedette-Decode-Ms"),
                encode_ms=_optional(headers, "Vedette-Encode-Ms"),
                final=headers.get("Vedette-Final") == "1",
                view=View.parse(headers["Vedette-View"]) if "Vedette-View" in headers else WHOLE,
                traceparent=headers.get("traceparent"),
            )
        except (KeyError, ValueError) as error:
            raise MalformedMessage(f"frame headers: {error!r}") from error

    def reference(self, arrived_at: dt.datetime, picture: int | None = None) -> FrameRef:
        """What a message about this frame says of it; `arrived_at` is when it reached the gateway."""
        return FrameRef(
            epoch=self.epoch,
            seq=self.seq,
            pts=self.pts,
            captured_at=self.captured_at,
            arrived_at=arrived_at,
            clock=self.clock,
            width=self.width,
            height=self.height,
            gate=self.gate,
            picture=picture,
            final=self.final,
        )


def _optional(headers: Mapping[str, str], name: str) -> float | None:
    return _number(headers[name]) if name in headers else None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"{text!r} is no count")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
