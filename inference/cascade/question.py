"""A crop on the bus: whose it is, where the answer goes, and until when it is worth one. The JPEG is the payload."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from vedette.errors import MalformedMessage
from vedette.frames import CONTRACT
from vedette.ids import is_id
from vedette.subjects import crop

CropLane = Literal["live", "complete"]

_REPLY = re.compile(r"_INBOX(\.[A-Za-z0-9_-]{1,64}){1,4}")
"""What may be answered to: a crop is anybody's who may publish one, and must not make its service publish elsewhere."""


@dataclass(frozen=True, slots=True)
class Question:
    """The subject and headers of `vedette.crop.…`."""

    model: str
    """The service that is asked."""
    site: str
    camera: str
    pipeline: str
    reply: str
    """A core subject: answers go nowhere else, so that vectors are in no stream."""
    budget_ms: float
    """From when the server stored the crop; nobody waits for a later answer."""
    lane: CropLane = "live"

    @property
    def subject(self) -> str:
        """Where it is put."""
        return crop(self.model, self.site, self.camera)

    def encode(self) -> dict[str, str]:
        """As NATS headers."""
        return {
            "Vedette-Contract": CONTRACT,
            "Vedette-Pipeline": self.pipeline,
            "Vedette-Reply": self.reply,
            "Vedette-Budget-Ms": f"{self.budget_ms:.1f}",
            "Vedette-Delivery": self.lane,
        }

    @classmethod
    def decode(cls, subject: str, headers: Mapping[str, str]) -> "Question":
        """Read a message.

        Raises MalformedMessage: it is none, or it asks to be answered where nobody waits for answers.
        """
        tokens = subject.split(".")
        reply, pipeline = headers.get("Vedette-Reply", ""), headers.get("Vedette-Pipeline", "")
        if headers.get("Vedette-Contract") != CONTRACT or len(tokens) != 5:
            raise MalformedMessage(f"{subject!r} is no crop of contract {CONTRACT}")
        if not (is_id(tokens[3]) and is_id(tokens[4]) and is_id(pipeline)):
            raise MalformedMessage(f"{subject!r} of {pipeline!r} names no camera's pipeline")
        if not _REPLY.fullmatch(reply):
            raise MalformedMessage(f"{reply[:80]!r} is no inbox")
        try:
            budget_ms = float(headers["Vedette-Budget-Ms"])
        except (KeyError, ValueError) as error:
            raise MalformedMessage(f"headers of a crop: {error!r}") from error
        if not isfinite(budget_ms):
            raise MalformedMessage(f"headers of a crop: a budget of {budget_ms} ms")
        lane: CropLane = "complete" if headers.get("Vedette-Delivery") == "complete" else "live"
        return cls(tokens[2], tokens[3], tokens[4], pipeline, reply, budget_ms, lane)
