"""What is shown of one camera at a moment: a JPEG, and what was detected in this very picture."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vedette.frames import FrameHeaders
from vedette.messages import Detections, rfc3339
from vedette.view import WHOLE


class Place(NamedTuple):
    """What is looked at."""

    camera: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class Scene:
    """As it is sent: four bytes with the length of a JSON text (big endian), the text, and the JPEG."""

    said: Mapping[str, Any]
    jpeg: bytes

    def encode(self) -> bytes:
        """As it is sent."""
        text = json.dumps(self.said, separators=(",", ":")).encode()
        return struct.pack(">I", len(text)) + text + self.jpeg


def scene_of(
    place: Place, jpeg: bytes, headers: FrameHeaders, detections: Detections | None, ids: list[str | None]
) -> Scene:
    """A picture with what was detected in it; `detections` None: nothing was, or it is not known yet.

    `ids`: of each detection, the object that it is.
    """
    said: dict[str, Any] = {
        "type": "picture",
        **place._asdict(),
        "captured_at": rfc3339(headers.captured_at),
        "age_ms": round(headers.age_ms),
        "width": headers.width,
        "height": headers.height,
        "boxes": [],
    }
    if headers.view != WHOLE:
        said["view"] = [headers.view.x, headers.view.y, headers.view.width, headers.view.height]
    if detections is not None:
        said["boxes"] = [
            {**one.model_dump(mode="json"), "id": object_id}
            for one, object_id in zip(detections.detections, ids, strict=True)
        ]
        if detections.timing is not None and detections.timing.total_ms is not None:
            said["age_ms"] = round(detections.timing.total_ms)
        if detections.input is not None and detections.input.verdict != "ok":
            said["input"] = [detections.input.verdict, *detections.input.reasons]
    return Scene(said, jpeg)
