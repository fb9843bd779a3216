"""A picture's measures against what its pipeline expects: ok, suspect or rejected, and why. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.guard.measures import Measures
from vedette.config.guard_settings import Guard
from vedette.messages import Input

OK, SUSPECT, REJECTED = "ok", "suspect", "rejected"
DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one picture."""

    verdict: str
    reasons: tuple[str, ...]
    measures: Measures
    disagreement: float | None = None
    """None: not checked."""

    def message(self) -> Input:
        """As the detections message has it. Two decimals: enough to tell a frozen picture from a still scene."""
        return Input(
            verdict=self.verdict,
            reasons=self.reasons,
            luminance=round(self.measures.luminance, 2),
            sharpness=round(self.measures.sharpness, 2),
            hash=f"{self.measures.hash:016x}",
            disagreement=None if self.disagreement is None else round(self.disagreement, 4),
        )


def judge(width: int, height: int, measures: Measures, expected: Guard) -> Verdict:
    """The verdict on a picture of this size, in pixels."""
    reasons = (*_of_size(width, height, expected), *_of_content(measures, expected))
    if not reasons:
        return Verdict(OK, (), measures)
    return Verdict(REJECTED if set(reasons) & set(expected.reject) else SUSPECT, reasons, measures)


def checked(verdict: Verdict, disagreement: float, threshold: float) -> Verdict:
    """The verdict after the adversarial check: suspect at best, where the disagreement reaches the threshold."""
    if disagreement < threshold:
        return replace(verdict, disagreement=disagreement)
    worse = SUSPECT if verdict.verdict == OK else verdict.verdict
    return Verdict(worse, (*verdict.reasons, DISAGREEMENT), verdict.measures, disagreement)


def _of_size(width: int, height: int, expected: Guard) -> Iterator[str]:
    if expected.min_size and (width < expected.min_size[0] or height < expected.min_size[1]):
        yield "small"
    if expected.max_size and (width > expected.max_size[0] or height > expected.max_size[1]):
        yield "large"
    if expected.aspect and not expected.aspect[0] <= width / height <= expected.aspect[1]:
        yield "aspect"


def _of_content(measures: Measures, expected: Guard) -> Iterator[str]:
    if expected.luminance and measures.luminance < expected.luminance[0]:
        yield "dark"
    if expected.luminance and measures.luminance > expected.luminance[1]:
        yield "bright"
    if expected.sharpness is not None and measures.sharpness < expected.sharpness:
        yield "blurred"
