"""What the input guard said of a pipeline's frames: counted, and logged where it is not ok."""

import logging

from inference import metrics
from inference.guard.inspection import Inspection
from inference.guard.verdict import DISAGREEMENT, OK
from inference.picture_model import Inference

logger = logging.getLogger(__name__)


def note_verdict(camera: str, pipeline: str, inspection: Inspection | None, inference: Inference) -> None:
    """Count one frame's verdict; `camera` is the name in the metrics. A warning is repeated once in 30 s at most."""
    verdict = inference.verdict
    if verdict is None:
        return
    metrics.INPUT_VERDICTS.labels(camera, verdict.verdict, verdict.reasons[0] if verdict.reasons else "").inc()
    if inspection and inspection.squeezed and inference.was_inferred:
        metrics.SQUEEZED.labels(pipeline, _outcome(verdict.disagreement, verdict.reasons)).inc()
    if verdict.verdict != OK:
        logger.warning("the picture is %s: %s", verdict.verdict, ", ".join(verdict.reasons))


def _outcome(disagreement: float | None, reasons: tuple[str, ...]) -> str:
    if disagreement is None:
        return "unchecked"
    return "disagreed" if DISAGREEMENT in reasons else "agreed"
