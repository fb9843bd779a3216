"""What a model says of a picture, as JSON."""

from collections.abc import Mapping
from typing import Any

from inference.errors import InferenceError, UndecodableImage
from inference.guard.limits import OverLimit
from inference.guard.verdict import Verdict
from inference.picture_answer import Found, Scored
from inference.picture_model import Inference
from inference.repository.model import Model
from inference.runtime.batching import BatcherClosed, BatcherFull, DeadlineExceeded, ModelFailed, RowRefused
from inference.serving.http import STATUS
from inference.serving.refusal import Refused
from inference.serving.vision.asked import Asked


def refusal_of(error: InferenceError) -> Refused:
    """Why there is no answer to a picture, for its client."""
    match error:
        case Refused():
            return error
        case OverLimit():
            return Refused("too_large", f"the picture: {error}")
        case UndecodableImage():
            return Refused("invalid", f"the picture can't be decoded: {error}")
        case DeadlineExceeded():
            return Refused("late", str(error))
        case BatcherFull():
            return Refused("overloaded", str(error), error.wait_s)
        case BatcherClosed():
            return Refused("unavailable", str(error), 1.0)
        case RowRefused():
            return Refused("invalid", str(error))
        case ModelFailed():
            return Refused("failed", str(error))
    return Refused("failed", "the picture could not be inferred")


def model_of(model: Model) -> dict[str, str]:
    """Who answered."""
    return {"name": model.card.name, "version": model.version, "digest": model.digest}


def result_of(inference: Inference, asked: Asked) -> dict[str, Any]:
    """Of one picture. Raises Refused: the guard rejects it."""
    verdict = inference.verdict
    if verdict is not None and not inference.was_inferred:
        why = f"the input guard rejects the picture: {', '.join(verdict.reasons)}"
        raise Refused("rejected", why, details={"input": input_of(verdict)})
    width, height = inference.size
    result: dict[str, Any] = {"picture": {"width": width, "height": height}}
    match inference.model.card.task:
        case "detection":
            names = inference.model.card.landmarks
            result["detections"] = [
                _object(found, asked, inference.size, names)
                for found in inference.detections
                if _is_wanted(found, asked)
            ]
        case "classification":
            result["classes"] = [
                {"label": scored.label, "confidence": scored.confidence}
                for scored in inference.classes
                if _is_wanted(scored, asked)
            ]
        case _:
            result["embedding"] = inference.embedding
    result["timing"] = {
        "prepare_ms": round(inference.prepare_s * 1000, 3),
        "queue_ms": round(inference.queue_s * 1000, 3),
        "infer_ms": round(inference.infer_s * 1000, 3),
        "batch_size": inference.batch_size,
    }
    if verdict is not None:
        result["input"] = input_of(verdict)
    return result


def input_of(verdict: Verdict) -> dict[str, Any]:
    """As in detections messages."""
    return verdict.message().model_dump(mode="json", exclude_none=True)


def problem_of(refused: Refused) -> dict[str, Any]:
    """A picture's entry among others, where there is no result; as a whole answer says it."""
    return {"error": str(refused), "status": STATUS[refused.kind], "detail": str(refused), **refused.details}


def _is_wanted(found: Found | Scored, asked: Asked) -> bool:
    return found.confidence >= asked.confidence and (asked.labels is None or found.label in asked.labels)


def _object(found: Found, asked: Asked, size: tuple[int, int], names: tuple[str, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {"label": found.label, "confidence": found.confidence, "bbox": found.bbox}
    if asked.pixels:
        width, height = size
        x, y, w, h = found.bbox
        entry["pixels"] = [round(x * width, 1), round(y * height, 1), round(w * width, 1), round(h * height, 1)]
    if found.landmarks:
        entry["landmarks"] = _by_name(found, names)
    return entry


def _by_name(found: Found, names: tuple[str, ...]) -> Mapping[str, tuple[float, float]]:
    return dict(zip(names, found.landmarks, strict=False))
