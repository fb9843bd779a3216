"""What a model's service answers to a crop, and what of it is believed.

It comes over the network from another process, perhaps another version of it, perhaps somebody else's: whatever isn't
what the model's card promises costs an attribute, never a detection.
"""

from collections.abc import Sequence
from math import hypot
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.errors import InferenceError
from inference.picture_model import Inference
from inference.repository.card import ModelCard
from vedette.messages import Model

MOST_BYTES = 256 * 1024
_MOST_NUMBERS = 8192
_MOST_CHARACTERS = 128
"""Of a version or a digest, which go into the frame's message."""
_LENGTH_OFF = 0.01
"""How far a vector's length may be from 1: a card's graph gives vectors of length 1, rounded."""

Share = Annotated[float, Field(ge=0, le=1)]


class UnusableAnswer(InferenceError):
    """It isn't what the model's card promises."""


class AnswerFailed(InferenceError):
    """The service says that it has none; the text says why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class SeenInCrop(_Part):
    """One detection of a model that detects; fractions of the crop."""

    label: str
    confidence: Share
    bbox: tuple[Share, Share, Share, Share]
    landmarks: Annotated[tuple[tuple[float, float], ...], Field(max_length=512)] = ()


class Answer(_Part):
    """One of the three, as the model's task is; or an error."""

    model: Model
    detections: Annotated[tuple[SeenInCrop, ...], Field(max_length=100)] = ()
    classes: Annotated[tuple[tuple[str, Share], ...], Field(max_length=10_000)] = ()
    """All of the model's labels, the likeliest first."""
    embedding: Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(max_length=_MOST_NUMBERS)] = ()
    error: Annotated[str, Field(max_length=500)] | None = None

    @classmethod
    def of(cls, inference: Inference) -> "Answer":
        """What a model said of a crop. Not checked: that is up to who asked."""
        seen = tuple(
            SeenInCrop.model_construct(
                label=one.label, confidence=one.confidence, bbox=one.bbox, landmarks=tuple(one.landmarks)
            )
            for one in inference.detections
        )
        return Answer.model_construct(
            model=reference(inference.model.card.name, inference.model.version, inference.model.digest),
            detections=seen,
            classes=tuple(inference.classes),
            embedding=tuple(inference.embedding),
        )

    def encode(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def believed(cls, data: bytes, card: ModelCard) -> Self:
        """An answer of the model with this card.

        Raises UnusableAnswer; AnswerFailed where the service says that it failed.
        """
        if len(data) > MOST_BYTES:
            raise UnusableAnswer(f"{len(data)} bytes")
        try:
            answer = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise UnusableAnswer(f"{where}: {first['msg']}") from None
        if answer.model.name != card.name:
            raise UnusableAnswer(f"it is of the model {answer.model.name}")
        if max(len(answer.model.version), len(answer.model.digest)) > _MOST_CHARACTERS:
            raise UnusableAnswer("its version or digest is none")
        if answer.error is not None:
            raise AnswerFailed(answer.error)
        if (fault := _fault(answer, card)) is not None:
            raise UnusableAnswer(fault)
        return answer


def reference(name: str, version: str, digest: str) -> Model:
    """Which model has answered."""
    return Model.model_construct(name=name, version=version, digest=digest)


def _fault(answer: Answer, card: ModelCard) -> str | None:
    if card.task == "embedding":
        length = hypot(*answer.embedding)
        return None if abs(length - 1) <= _LENGTH_OFF else f"a vector of {len(answer.embedding)}, length {length:.3g}"
    if card.task == "classification":
        labels = sorted(label for label, _ in answer.classes)
        return None if labels == sorted(card.labels) else f"scores of {len(labels)} labels that are not the model's"
    strange = {seen.label for seen in answer.detections} - set(card.labels)
    if strange:
        return f"labels that the model has not: {', '.join(sorted(strange))[:100]}"
    points = {len(seen.landmarks) for seen in answer.detections} - {0, len(card.landmarks)}
    return f"{points.pop()} landmarks" if points else None


def likeliest(classes: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Label and score; of at least one."""
    return max(classes, key=lambda one: one[1])
